package realruntime

import (
	"errors"
	"strconv"
	"time"

	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/policy"
)

// maxFeatures is how much of what a runtime says of its features is read, in
// bytes: runc's are 15 KiB.
const maxFeatures = 256 << 10

// Features tells what the runtime at path can do, as its verb features says
// (features.md of the runtime-spec); see question. It wants a file that is
// root's. A runtime without the verb (crun before 1.9) has none that are known.
func Features(path string) policy.Features { return featuresAt(path, time.Now()) }

func featuresAt(path string, now time.Time) policy.Features {
	q := question{verb: "features", dir: "features", magic: "runward features 1", most: maxFeatures, words: 2, read: func(text string) ([]string, error) {
		if text == "" {
			return nil, errors.New("it says nothing to the verb features")
		}
		f, err := parseFeatures(text)
		return []string{strconv.FormatBool(f.UserNamespace), strconv.FormatBool(f.IDMap)}, err
	}}
	said, err := q.answer(path, now)
	if err != nil {
		return policy.Features{Err: "the real runtime " + path + " does not tell its features: " + err.Error()}
	}
	return policy.Features{UserNamespace: said[0] == "true", IDMap: said[1] == "true"}
}

func parseFeatures(text string) (f policy.Features, err error) {
	doc, err := jsondoc.Parse([]byte(text), jsondoc.Limits{Bytes: maxFeatures, Depth: 64})
	if err != nil {
		return f, err
	}
	if list, ok := doc.Lookup("/linux/namespaces"); ok && list.Kind() == jsondoc.Array {
		for i := range list.Len() {
			if v := list.Index(i); v.Kind() == jsondoc.String && v.Str() == "user" {
				f.UserNamespace = true
			}
		}
	}
	if v, ok := doc.Lookup("/linux/mountExtensions/idmap/enabled"); ok {
		f.IDMap = v.Kind() == jsondoc.Bool && v.Bool()
	}
	return f, nil
}
