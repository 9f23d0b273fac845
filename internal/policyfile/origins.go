package policyfile

import (
	"github.com/runward/runward/internal/tomlfile"
	"github.com/runward/runward/policy"
)

// An Origin is a file that a set is made of.
type Origin struct {
	Name    string // of the policy
	File    string // or built-in:NAME
	Doc     *tomlfile.Doc
	Extends []string // files
}

// Origins returns the files that a set is made of, each once, with the profiles
// that they extend: the node's, or those that names say. It is for tools that
// show where a value comes from; a file that is refused is an error.
func Origins(src Sources, names []string, rules []policy.Rule) ([]Origin, error) {
	o := &origins{loader: newLoader(src, rules)}
	var all []Examined
	var err error
	if len(names) == 0 {
		all, err = Examine(src, rules)
	} else {
		o.anyOwner = true
		all, err = ExamineNamed(src, names, rules)
	}
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if err := o.add(x); err != nil {
			return nil, err
		}
	}
	if src.Unselected != "allow" && src.Unselected != "deny" {
		if _, err := o.addProfile(src.Unselected); err != nil {
			return nil, err
		}
	}
	return o.all, nil
}

type origins struct {
	*loader
	all []Origin
}

// add adds a file, and what it extends.
func (o *origins) add(x Examined) error {
	if x.Err != nil {
		return x.Err
	}
	for _, have := range o.all {
		if have.File == x.File {
			return nil
		}
	}
	doc, err := tomlfile.Parse(x.File, x.Text)
	if err != nil {
		return err
	}
	at := len(o.all)
	o.all = append(o.all, Origin{Name: x.Policy.Name, File: x.File, Doc: doc})
	extends, _ := doc.Root["extends"].([]any)
	for _, name := range extends {
		name, _ := name.(string)
		file, err := o.addProfile(name)
		if err != nil {
			return err
		}
		o.all[at].Extends = append(o.all[at].Extends, file)
	}
	return nil
}

func (o *origins) addProfile(name string) (file string, err error) {
	text, file, err := o.profileText(name)
	if err != nil {
		return "", err
	}
	return file, o.add(o.decode(file, text))
}
