package rules

import "strings"

// secretValue says what a text looks like, of what is a secret by its own
// form; empty: nothing that is known.
func secretValue(s string) string {
	if i := strings.Index(s, "-----BEGIN "); i >= 0 && strings.Contains(s[i:], "PRIVATE KEY-----") {
		return "value (a private key)"
	}
	for _, known := range [...]struct {
		prefix string
		least  int // bytes behind it
		what   string
	}{
		{"AKIA", 16, "an AWS access key"},
		{"ASIA", 16, "an AWS access key"},
		{"AIza", 35, "a Google API key"},
		{"ghp_", 36, "a GitHub token"},
		{"gho_", 36, "a GitHub token"},
		{"ghs_", 36, "a GitHub token"},
		{"ghu_", 36, "a GitHub token"},
		{"ghr_", 36, "a GitHub token"},
		{"github_pat_", 50, "a GitHub token"},
		{"glpat-", 20, "a GitLab token"},
		{"npm_", 36, "an npm token"},
		{"xoxb-", 20, "a Slack token"},
		{"xoxp-", 20, "a Slack token"},
		{"sk_live_", 20, "a Stripe key"},
		{"hvs.", 20, "a Vault token"},
	} {
		if rest, ok := strings.CutPrefix(s, known.prefix); ok && len(rest) >= known.least && token(rest) {
			return "value (" + known.what + ")"
		}
	}
	if strings.HasPrefix(s, "eyJ") && strings.Count(s, ".") == 2 && len(s) > 60 && token(s) {
		return "value (a JSON web token)"
	}
	if passwordInURL(s) {
		return "value (a password in a URL)"
	}
	return ""
}

// token tells whether the text is one word of the letters that tokens have.
func token(s string) bool {
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) && s[i] != '-' && s[i] != '.' {
			return false
		}
	}
	return true
}

// passwordInURL tells whether the text is SCHEME://USER:PASSWORD@HOST.
func passwordInURL(s string) bool {
	_, rest, ok := strings.Cut(s, "://")
	if !ok {
		return false
	}
	if i := strings.IndexAny(rest, "/?# "); i >= 0 {
		rest = rest[:i]
	}
	i := strings.LastIndexByte(rest, '@')
	if i < 0 {
		return false
	}
	_, password, ok := strings.Cut(rest[:i], ":")
	return ok && password != ""
}
