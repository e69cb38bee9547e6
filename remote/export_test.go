package remote

// NewEngine makes an engine with other connections and look-ups.
var NewEngine = newEngine

// Lookup finds the addresses of a node.
var Lookup = lookup

// Complete is the first step of New.
var Complete = Config.complete
