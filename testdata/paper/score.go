package paper

import (
	"regexp"
	"strings"
)

var wordPattern = regexp.MustCompile(`[a-z0-9]+`)

// bag counts the words of a text: runs of letters and digits, small or large.
func bag(s string) map[string]int {
	m := map[string]int{}
	for _, w := range wordPattern.FindAllString(strings.ToLower(s), -1) {
		m[w]++
	}
	return m
}

// Recall is the share of a truth's words that were read, and F1 the mean of
// that with the share of what was read that is true, both by counting words
// wherever they stand. What was written by hand counts neither way.
func Recall(truth, hands, read string) (recall, f1 float64) {
	t, g := bag(truth), bag(read)
	for w, n := range bag(hands) {
		g[w] -= min(n, max(g[w]-t[w], 0))
	}
	hit, n, m := 0, 0, 0
	for w, c := range t {
		n += c
		hit += min(c, g[w])
	}
	for _, c := range g {
		m += c
	}
	if n == 0 {
		return 1, 1
	}
	return float64(hit) / float64(n), 2 * float64(hit) / float64(n+m)
}
