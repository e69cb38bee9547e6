package harness

import "regexp"

// CheckOnly compiles the pattern of a subject's flag -only. It says whether the pattern leaves out some
// of the sections of these names, and returns a usage error, which shows list, if it leaves out all.
func CheckOnly(subject, pattern string, names []string, list string) (only *regexp.Regexp, part bool, err error) {
	if only, err = regexp.Compile(pattern); err != nil {
		return nil, false, Usagef("%s: -only %s: %v", subject, pattern, err)
	}
	matches := 0
	for _, name := range names {
		if only.MatchString(name) {
			matches++
		}
	}
	if matches == 0 {
		return nil, false, Usagef("%s: -only %s: it matches no section; there are %s", subject, pattern, list)
	}
	return only, matches < len(names), nil
}
