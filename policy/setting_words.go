package policy

import "errors"

// A Flag is a requirement: where several policies speak, one true is enough.
type Flag struct {
	On     bool
	Set    bool
	Policy string
}

// UnmarshalTOML reads a boolean.
func (f *Flag) UnmarshalTOML(v any) error {
	on, ok := v.(bool)
	if !ok {
		return errors.New("want true or false")
	}
	*f = Flag{On: on, Set: true}
	return nil
}

// Default sets the requirement where the policy does not say; see Defaulter.
func (f *Flag) Default(on bool) {
	if !f.Set {
		*f = Flag{On: on, Set: true}
	}
}

func (f *Flag) isSet() bool         { return f.Set }
func (f *Flag) stamp(policy string) { f.Policy = policy }
func (f *Flag) meet(other setting) {
	if o := other.(*Flag); o.On && (!f.On || f.Policy == "") { // a policy's word stands before what a rule has by itself
		*f = *o
	}
}

// A Text is a word for something absent: the first policy that has one
// decides, and where its word cannot be used, the next.
type Text struct {
	Value  string
	Set    bool
	Policy string
	Others []string // those of later policies
}

// Each calls yield with the word and the others, until it returns false.
func (t Text) Each(yield func(word string) bool) {
	if !t.Set || !yield(t.Value) {
		return
	}
	for _, word := range t.Others {
		if !yield(word) {
			return
		}
	}
}

// UnmarshalTOML reads a string.
func (t *Text) UnmarshalTOML(v any) error {
	s, ok := v.(string)
	if !ok {
		return errors.New("want a string")
	}
	*t = Text{Value: s, Set: true}
	return nil
}

func (t *Text) isSet() bool         { return t.Set }
func (t *Text) stamp(policy string) { t.Policy = policy }
func (t *Text) meet(other setting) {
	o := other.(*Text)
	t.Others = append(append(t.Others[:len(t.Others):len(t.Others)], o.Value), o.Others...)
}

// A Permit says of something that cannot be judged whether it passes: "allow"
// or "deny". Where several policies speak, one deny is enough.
type Permit struct {
	Allow  bool
	Set    bool
	Policy string
}

// UnmarshalTOML reads "allow" or "deny".
func (p *Permit) UnmarshalTOML(v any) error {
	word, _ := v.(string)
	if word != "allow" && word != "deny" {
		return errors.New(`want "allow" or "deny"`)
	}
	*p = Permit{Allow: word == "allow", Set: true}
	return nil
}

// Default sets it where the policy does not say; see Defaulter.
func (p *Permit) Default(allow bool) {
	if !p.Set {
		*p = Permit{Allow: allow, Set: true}
	}
}

func (p *Permit) isSet() bool         { return p.Set }
func (p *Permit) stamp(policy string) { p.Policy = policy }
func (p *Permit) meet(other setting) {
	if o := other.(*Permit); p.Allow && !o.Allow {
		*p = *o
	}
}

func (p *Permit) widen(other setting) {
	p.Allow = p.Allow || other.(*Permit).Allow
}

// An Answer is what the monitor does about a container that is not as it was
// created: "alert", "freeze" or "kill". Where several policies speak, the
// strictest wins, and each does what those before it do.
type Answer struct {
	Word   string
	Set    bool
	Policy string
}

// Answers are the words of an Answer, the mildest first.
var Answers = [...]string{"alert", "freeze", "kill"}

// UnmarshalTOML reads one of Answers.
func (a *Answer) UnmarshalTOML(v any) error {
	word, _ := v.(string)
	for _, known := range Answers {
		if word == known {
			*a = Answer{Word: word, Set: true}
			return nil
		}
	}
	return errors.New(`want "alert", "freeze" or "kill"`)
}

// Default sets it where the policy does not say; see Defaulter.
func (a *Answer) Default(word string) {
	if !a.Set {
		*a = Answer{Word: word, Set: true}
	}
}

func (a *Answer) strength() int {
	for i, known := range Answers {
		if a.Word == known {
			return i
		}
	}
	return -1
}

func (a *Answer) isSet() bool         { return a.Set }
func (a *Answer) stamp(policy string) { a.Policy = policy }
func (a *Answer) meet(other setting) {
	if o := other.(*Answer); o.strength() > a.strength() {
		*a = *o
	}
}

func (a *Answer) widen(other setting) {
	if o := other.(*Answer); a.Set && o.strength() < a.strength() {
		a.Word = o.Word
	}
}
