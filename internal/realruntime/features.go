package realruntime

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/runward/runward/internal/config"
	"github.com/runward/runward/internal/jsondoc"
	"github.com/runward/runward/internal/owner"
	"github.com/runward/runward/policy"
	"golang.org/x/sys/unix"
)

// Features gives policy.Facts.Features of the runtime at path.
func Features(path string) func() policy.Features {
	return func() policy.Features {
		f, err := askFeatures(path, config.RunDir)
		if err != nil {
			return policy.Features{Err: err.Error()}
		}
		return f
	}
}

// askFeatures runs `runtime features`, or gives what it said before: the answer
// is kept in dir, a directory that only root writes, for this very file: its
// device, inode, size and times. Runtimes without the verb (crun before 1.9) are an error.
func askFeatures(path, dir string) (policy.Features, error) {
	id, err := identity(path)
	if err != nil {
		return policy.Features{}, errors.New("the real runtime " + path + " cannot be examined: " + owner.Reason(err))
	}
	kept := filepath.Join(dir, "runtime.features."+id.name)
	trusted := (owner.Dirs{}).Check(dir) == nil
	if trusted {
		if text, err := owner.Read(kept, 256); err == nil {
			if f, ok := parseKept(string(text), id.key); ok {
				return f, nil
			}
		}
	}
	text, err := ask(path, "features")
	if err != nil {
		return policy.Features{}, errors.New("the real runtime " + path + " does not tell its features: " + owner.Reason(err))
	}
	f, err := parseFeatures(text)
	if err != nil {
		return policy.Features{}, errors.New("the real runtime " + path + " does not tell its features: " + err.Error())
	}
	// Kept only where it was the same file all the time.
	if again, err := identity(path); err == nil && again == id && trusted {
		keepAnswer(kept, id.key+answerText(f))
	}
	return f, nil
}

func parseFeatures(text []byte) (policy.Features, error) {
	doc, err := jsondoc.Parse(text, jsondoc.Limits{Bytes: answerMost, Depth: 64})
	if err != nil {
		return policy.Features{}, err
	}
	var f policy.Features
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

// A binary is a file as it is now. Whoever changes its bytes changes its ctime.
type binary struct{ name, key string }

func identity(path string) (binary, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(path, &st); err != nil {
		return binary{}, err
	}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	name := strconv.FormatUint(st.Dev, 10) + "." + strconv.FormatUint(st.Ino, 10)
	key := name + " " + n(st.Size) + " " + n(st.Mtim.Sec) + "." + n(st.Mtim.Nsec) + " " + n(st.Ctim.Sec) + "." + n(st.Ctim.Nsec) + "\n"
	return binary{name, key}, nil
}

// answerText is what is kept, after the key.
func answerText(f policy.Features) string {
	return "user " + strconv.FormatBool(f.UserNamespace) + "\nidmap " + strconv.FormatBool(f.IDMap) + "\n"
}

func parseKept(text, key string) (policy.Features, bool) {
	for _, f := range [...]policy.Features{{}, {UserNamespace: true}, {IDMap: true}, {UserNamespace: true, IDMap: true}} {
		if text == key+answerText(f) {
			return f, true
		}
	}
	return policy.Features{}, false
}

// keepAnswer puts the file in place whole. It may fail: then the runtime is
// asked the next time as well.
func keepAnswer(path, text string) {
	temp := path + "." + strconv.Itoa(os.Getpid())
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return
	}
	_, err = f.WriteString(text)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp) // the next process of this pid would find it in its way, no other
	}
}
