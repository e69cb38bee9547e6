package sign

var rsaSizes = []int{2048, 3072, 4096}

// goals are those of the multi-buffer engine by algorithm, in times as fast: beside the others
// with jobsFull jobs, and beside crypto/rsa with one job alone.
var goals = map[string]struct{ std, openssl30, openssl35, cryptoMB, alone float64 }{
	"rsa2048": {8.5, 2.2, 2.2, 1.1, 1.8},
	"rsa3072": {8, 5, 2, 1.6, 1},
	"rsa4096": {7.5, 5, 1.85, 1.4, 1},
}

const (
	jobsFull  = 64 // fill every batch
	coresGoal = 1.9
	costGoal  = 0.97 // of the bare kernels' rate, for RSA-2048
	keyGoal   = 64   // KB for a wrapped key
)

// opensslGoal returns the goal beside a release. 3.0 has no kernel of this kind for RSA-3072
// and 4096, 3.5 has; there is no goal for those between.
func opensslGoal(release, algorithm string) float64 {
	switch release {
	case "3.0":
		return goals[algorithm].openssl30
	case "3.5":
		return goals[algorithm].openssl35
	}
	return 0
}
