package main

// A variant is one way to do a case's work, on one node.
type variant struct {
	name    string
	program program
	node    string // settings and policies, see nodes; empty where the program reads none
	verdict string // what the receipt must say; empty: no receipt
}

// A program stands where an engine expects its runtime.
type program uint8

const (
	runc program = iota
	floor
	runward
	bare // floor with nothing to go on to but a program that only exits
	quit // that program alone
	hook // runward-hook
)

// A target is what performance.md asks of one variant over another.
type target struct {
	of, over string
	added    float64 // most milliseconds, in the median of the rounds; 0: any
	ratio    float64 // most, or for throughput least; 0: any
	note     string
}

// A testCase is work that is done in turns by its variants.
type testCase struct {
	name     string
	config   string // see configs
	do       work
	variants []variant
	targets  []target
}

// work is what is done with a container and measured.
type work uint8

const (
	state    work = iota // asked of one that was created before
	create               // and deleted out of the clock
	life                 // create, start, its end, delete
	parallel             // creates, 8 at a time
	join                 // exec in one that was created before
	memory               // create with a real runtime that only exits: peak memory
	told                 // one hook, as the runtime runs it
)

var (
	plain   = variant{name: "runc", program: runc}
	barest  = variant{name: "floor + runc", program: floor}
	allowed = variant{name: "runward", program: runward, node: "5", verdict: "allow"}
)

// cases are in the order of performance.md.
func cases() []testCase {
	atCreate := []target{{of: "floor + runc", over: "runc"}, {of: "runward", over: "runc", added: 2.5, ratio: 1.08}}
	atLife := []target{{of: "runward", over: "runc"}, {of: "with hooks", over: "runc", ratio: 1.20}, {of: "with hooks", over: "runward"}}
	hooked := variant{name: "with hooks", program: runward, node: "5, monitored", verdict: "rewrite"}
	unheard := variant{name: "no monitor", program: runward, node: "5, monitor away", verdict: "rewrite"}
	rewritten := variant{name: "runward", program: runward, node: "5 that rewrite", verdict: "rewrite"}
	builtIn := variant{name: "runward", program: runward, node: "none", verdict: "allow"}
	return []testCase{
		{
			name: "state", config: "25 KB", do: state,
			variants: []variant{plain, barest, {name: "runward", program: runward, node: "5"}},
			targets:  []target{{of: "floor + runc", over: "runc"}, {of: "runward", over: "runc", added: 1.5}},
		},
		{name: "create, 25 KB config, 5 policies select it, allowed", config: "25 KB", do: create, variants: []variant{plain, barest, allowed}, targets: atCreate},
		{name: "create, 25 KB config, 5 policies select it, rewritten", config: "25 KB", do: create, variants: []variant{plain, barest, rewritten}, targets: atCreate},
		{name: "create, 25 KB config, no policy file, allowed", config: "25 KB", do: create, variants: []variant{plain, builtIn}, targets: atCreate[1:]},
		{name: "create, small config, 5 policies select it, allowed", config: "small", do: create, variants: []variant{plain, allowed}, targets: atCreate[1:]},
		policyFiles(),
		{
			name: "state, runward alone (the real runtime only exits)", config: "25 KB", do: state,
			variants: []variant{{name: "floor", program: bare}, {name: "runward", program: runward, node: "5, stub"}},
			targets:  []target{{of: "runward", over: "floor", added: 1.5}},
		},
		alone(),
		{
			name: "create, 25 KB config, runward alone, under a quota, beside other containers", config: "25 KB", do: create,
			variants: []variant{
				{name: "no quota", program: runward, node: "5, stub", verdict: "allow"},
				{name: "1", program: runward, node: "quota, 1", verdict: "allow"},
				{name: "100", program: runward, node: "quota, 100", verdict: "allow"},
				{name: "1000", program: runward, node: "quota, 1000", verdict: "allow"},
			},
			targets: []target{{of: "1", over: "no quota"}, {of: "100", over: "no quota"}, {of: "1000", over: "no quota"}},
		},
		{
			name: "create, 25 KB config, runward alone, with custom rules", config: "25 KB", do: create,
			variants: []variant{
				{name: "none", program: runward, node: "5, stub", verdict: "allow"},
				{name: "1", program: runward, node: "1 custom rule", verdict: "allow"},
				{name: "20", program: runward, node: "20 custom rules", verdict: "allow"},
			},
			targets: []target{{of: "1", over: "none"}, {of: "20", over: "none"}},
		},
		{
			name: "exec, runward alone (the real runtime only exits)", config: "25 KB", do: join,
			variants: []variant{{name: "floor", program: bare}, {name: "runward", program: runward, node: "5, stub"}},
			targets:  []target{{of: "runward", over: "floor", added: 2.5}},
		},
		{
			name: "create, 25 KB config, receipts synced", config: "25 KB", do: create,
			variants: []variant{plain, {name: "sync none", program: runward, node: "5", verdict: "allow"}, {name: "sync data", program: runward, node: "5, synced", verdict: "allow"}},
			targets:  []target{{of: "sync none", over: "runc", added: 2.5}, {of: "sync data", over: "sync none"}},
		},
		{
			name: "create start delete, 25 KB config", config: "25 KB", do: life, variants: []variant{plain, allowed, hooked, unheard},
			targets: append(atLife, target{of: "no monitor", over: "with hooks"}),
		},
		{name: "create start delete, 25 KB config, rewritten", config: "25 KB", do: life, variants: []variant{plain, rewritten}, targets: atLife[:1]},
		{name: "create start delete, small config", config: "small", do: life, variants: []variant{plain, allowed, hooked}, targets: atLife},
		{
			name: "one hook, and the monitor's answer", config: "small", do: told,
			variants: []variant{{name: "a program that only exits", program: quit}, {name: "createRuntime", program: hook, node: "5, monitored"}, {name: "poststop", program: hook, node: "5, monitored"}},
			targets:  []target{{of: "createRuntime", over: "a program that only exits"}, {of: "poststop", over: "a program that only exits"}},
		},
		{
			name: "creates 8 at a time, 25 KB config", config: "25 KB", do: parallel, variants: []variant{plain, allowed},
			targets: []target{{of: "runward", over: "runc", ratio: 0.9}},
		},
		{name: "peak memory, create, 25 KB config", config: "25 KB", do: memory, variants: []variant{
			{name: "5 policies", program: runward, node: "5, stub", verdict: "allow"},
			{name: "1,000 policies", program: runward, node: "1000, stub", verdict: "allow"},
		}},
	}
}

// policyFiles compares how many there are; but for the last, each selects
// another namespace.
func policyFiles() testCase {
	c := testCase{name: "create, 25 KB config, policies that select others", config: "25 KB", do: create, variants: []variant{plain}}
	for _, n := range []string{"1", "5", "50", "1000"} {
		c.variants = append(c.variants, variant{name: n + " of others", program: runward, node: n + " of others", verdict: "allow"})
		t := target{of: n + " of others", over: "runc"}
		if n == "5" {
			t.added, t.ratio = 2.5, 1.08
		}
		c.targets = append(c.targets, t)
	}
	c.targets = append(c.targets,
		target{of: "50 of others", over: "1 of others"},
		target{of: "1000 of others", over: "1 of others", added: 1})
	return c
}

// alone is create with a real runtime that only exits: what runward adds, without
// what varies in runc. It is what small differences show in.
func alone() testCase {
	c := testCase{
		name: "create, 25 KB config, runward alone (the real runtime only exits)", config: "25 KB", do: create,
		variants: []variant{
			{name: "floor", program: bare},
			{name: "1 of others", program: runward, node: "1, stub", verdict: "allow"},
			{name: "5 that select", program: runward, node: "5, stub", verdict: "allow"},
			{name: "5 that rewrite", program: runward, node: "5 that rewrite, stub", verdict: "rewrite"},
			{name: "5, synced", program: runward, node: "5, synced, stub", verdict: "allow"},
			{name: "1000 of others", program: runward, node: "1000, stub", verdict: "allow"},
		},
	}
	for _, v := range c.variants[1:] {
		c.targets = append(c.targets, target{of: v.name, over: "floor", added: 2.5})
	}
	c.targets[3] = target{of: "5, synced", over: "5 that select"}
	c.targets[4] = target{of: "1000 of others", over: "1 of others", added: 1}
	return c
}
