package realruntime

import (
	"path/filepath"
	"strconv"
	"time"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
)

// maxFeatures is how much of what a runtime says of its features is read, in
// bytes: runc's are 15 KiB.
const maxFeatures = 256 << 10

const featuresMagic = "runward features 1"

// Features tells what the runtime at path can do, as its verb features says
// (features.md of the runtime-spec). Like Version's the answer is kept for as
// long as the file stays what it is, and it wants one that is root's. A runtime
// without the verb (crun before 1.9) has none that are known.
func Features(path string) policy.Features { return featuresAt(path, time.Now()) }

func featuresAt(path string, now time.Time) policy.Features {
	unknown := func(why string) policy.Features {
		return policy.Features{Err: "the real runtime " + path + " does not tell its features: " + why}
	}
	key, settled, err := identify(path, now)
	if err != nil {
		return unknown(owner.Reason(err))
	}
	kept := filepath.Join(config.RunDir, "features", nameOf(path))
	if said, ok := recall(kept, featuresMagic, key, 2); ok {
		return policy.Features{UserNamespace: said[0] == "true", IDMap: said[1] == "true"}
	}
	text, err := ask(path, "features", maxFeatures, askLimit)
	if err != nil {
		return unknown(err.Error())
	}
	if text == "" {
		return unknown("it says nothing to the verb features")
	}
	f, err := parseFeatures(text)
	if err != nil {
		return unknown(err.Error())
	}
	if again, _, err := identify(path, now); settled && err == nil && again == key {
		remember(kept, featuresMagic, key, strconv.FormatBool(f.UserNamespace), strconv.FormatBool(f.IDMap))
	}
	return f
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
