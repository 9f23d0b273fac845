package policy

import (
	"errors"
	"strings"
)

// An AllowList is an allow-list: what is not on it is refused. Where several
// policies have one, a value must be on every list.
type AllowList struct {
	Lists []List
}

// A List is one policy's list, or one element of a deny-list.
type List struct {
	Policy string
	Items  []string
}

// IsSet tells whether any policy has the list; without one nothing is refused.
func (a AllowList) IsSet() bool { return a.Lists != nil }

// DefaultItem stands, in the allow-lists of rules that say so, for the rule's
// documented safe list: ["default", "x"] is that list and x.
const DefaultItem = "default"

// Default sets the list where no policy has one; see Defaulter.
func (a *AllowList) Default(items []string) {
	if a.Lists == nil {
		a.Lists = []List{{Policy: "default", Items: items}}
	}
}

// Permits tells whether value is on every list, by match(item, value).
func (a AllowList) Permits(value string, match func(item, value string) bool) bool {
	for _, l := range a.Lists {
		if !anyMatch(l.Items, value, match) {
			return false
		}
	}
	return true
}

// String lists what every list has; it is for messages.
func (a AllowList) String() string {
	if len(a.Lists) == 0 {
		return "anything"
	}
	var both []string
	for _, item := range a.Lists[0].Items {
		if a.Permits(item, func(i, v string) bool { return i == v || Match(i, v) }) {
			both = append(both, item)
		}
	}
	if len(both) == 0 {
		return "none"
	}
	return strings.Join(both, ", ")
}

func anyMatch(items []string, value string, match func(item, value string) bool) bool {
	for _, item := range items {
		if match(item, value) {
			return true
		}
	}
	return false
}

// UnmarshalTOML reads an array of strings.
func (a *AllowList) UnmarshalTOML(v any) error {
	items, err := stringsFrom(v)
	if err != nil {
		return err
	}
	a.Lists = []List{{Items: items}}
	return nil
}

func (a *AllowList) isSet() bool { return a.Lists != nil }
func (a *AllowList) stamp(policy string) {
	for i := range a.Lists {
		a.Lists[i].Policy = policy
	}
}

func (a *AllowList) meet(other setting) {
	a.Lists = append(a.Lists[:len(a.Lists):len(a.Lists)], other.(*AllowList).Lists...)
}

func (a *AllowList) widen(other setting) {
	if a.Lists == nil {
		return // nothing was refused
	}
	lists := make([]List, len(a.Lists))
	for i, l := range a.Lists {
		lists[i] = List{l.Policy, l.Items[:len(l.Items):len(l.Items)]}
		for _, more := range other.(*AllowList).Lists {
			lists[i].Items = append(lists[i].Items, more.Items...)
		}
	}
	a.Lists = lists
}

// A Forbid is a deny-list. Where several policies have one, they unite.
type Forbid struct {
	Lists []List
}

// Forbids tells whether value is on a list, by match(item, value), and on whose.
func (f Forbid) Forbids(value string, match func(item, value string) bool) (policy string, found bool) {
	for _, l := range f.Lists {
		if anyMatch(l.Items, value, match) {
			return l.Policy, true
		}
	}
	return "", false
}

// Items calls yield with every item of every list, until it returns false.
func (f Forbid) Items(yield func(item string) bool) {
	for _, l := range f.Lists {
		for _, item := range l.Items {
			if !yield(item) {
				return
			}
		}
	}
}

// UnmarshalTOML reads an array of strings.
func (f *Forbid) UnmarshalTOML(v any) error {
	items, err := stringsFrom(v)
	if err != nil {
		return err
	}
	f.Lists = []List{{Items: items}}
	return nil
}

func (f *Forbid) isSet() bool { return f.Lists != nil }
func (f *Forbid) stamp(policy string) {
	for i := range f.Lists {
		f.Lists[i].Policy = policy
	}
}

func (f *Forbid) meet(other setting) {
	f.Lists = append(f.Lists[:len(f.Lists):len(f.Lists)], other.(*Forbid).Lists...)
}

func stringsFrom(v any) ([]string, error) {
	array, ok := v.([]any)
	if !ok {
		return nil, errors.New("want an array of strings")
	}
	items := make([]string, len(array))
	for i, e := range array {
		if items[i], ok = e.(string); !ok {
			return nil, errors.New("want an array of strings")
		}
	}
	return items, nil
}
