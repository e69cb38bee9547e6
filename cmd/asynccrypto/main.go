package main

import _ "asynccrypto/async"

func main() {}
