package answer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// table is the one that is put into a container's network namespace, in each
// family. Its chains drop what no rule of theirs accepts; their names say which
// cut they belong to.
const table = "runward-quarantine"

// put replaces what is in force, all at once: there is no moment between.
// A kernel before 5.16 cannot drop what goes out by a device (AF_PACKET), and
// one without a family cannot do so for that: then it says what stays open.
func (n *netns) put(how Network) error {
	n.open = nil
	raw := "frames that a process sends by itself (AF_PACKET): this kernel cannot drop what goes out by a device"
	for _, attempt := range [...]struct {
		egress, netdev, arp bool
		open                []string
	}{
		{true, true, true, nil},
		{false, true, true, []string{raw}},
		{false, false, false, []string{raw, "ARP"}},
	} {
		err := n.apply(how, attempt.egress, attempt.netdev, attempt.arp)
		if err == nil {
			n.open = attempt.open
			return nil
		}
		if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EAFNOSUPPORT) && !errors.Is(err, unix.ENOENT) {
			return err
		}
		if !attempt.arp {
			return errors.New("this kernel has no nf_tables: " + err.Error())
		}
	}
	return nil
}

func (n *netns) apply(how Network, egress, netdev, arp bool) error {
	conn, err := nftables.New(nftables.WithNetNSFd(n.fd))
	if err != nil {
		return err
	}
	b := &batch{conn: conn}
	if b.mark, err = mark(); err != nil {
		return err
	}
	b.inet(how)
	if arp {
		b.arp(how)
	}
	if netdev {
		t := b.anew(nftables.TableFamilyNetdev)
		for _, device := range n.devices {
			if device != "lo" || how == NetworkCut {
				b.device(t, how, device, egress)
			}
		}
	}
	return conn.Flush()
}

// mark is what tells, where frames leave by a device, those that the chain
// before let pass. A process that may set marks would have to guess it.
func mark() (uint32, error) {
	var b [4]byte
	if _, err := rand.Read(b[:]); err != nil {
		return 0, err
	}
	return binary.NativeEndian.Uint32(b[:]) | 1, nil
}

// A batch is what the kernel does all of, or nothing.
type batch struct {
	conn *nftables.Conn
	mark uint32
}

// anew makes a table that has nothing in it, whether there was one or not.
func (b *batch) anew(family nftables.TableFamily) *nftables.Table {
	t := &nftables.Table{Name: table, Family: family}
	b.conn.AddTable(t)
	b.conn.DelTable(t)
	return b.conn.AddTable(t)
}

// chain drops, at a hook, what no rule accepts; first of all, so that nothing
// that was there before decides.
func (b *batch) chain(t *nftables.Table, name string, hook *nftables.ChainHook, device string) *nftables.Chain {
	drop := nftables.ChainPolicyDrop
	return b.conn.AddChain(&nftables.Chain{
		Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook,
		Priority: nftables.ChainPriorityRef(-399), Policy: &drop, Device: device,
	})
}

func (b *batch) rule(c *nftables.Chain, exprs ...expr.Any) {
	b.conn.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: append(exprs, &expr.Verdict{Kind: expr.VerdictAccept})})
}

func (b *batch) inet(how Network) {
	t := b.anew(nftables.TableFamilyINet)
	b.chain(t, prefix(how)+"forward", nftables.ChainHookForward, "")
	if how == NetworkCut {
		b.chain(t, prefix(how)+"input", nftables.ChainHookInput, "")
		b.chain(t, prefix(how)+"output", nftables.ChainHookOutput, "")
		return
	}
	// After the tracking of connections (-200): it tells who began.
	drop := nftables.ChainPolicyDrop
	out := b.conn.AddChain(&nftables.Chain{
		Name: prefix(how) + "output", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookOutput,
		Priority: nftables.ChainPriorityFilter, Policy: &drop,
	})
	b.rule(out, &expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, equals([]byte("lo\x00")))
	pass := []expr.Any{
		&expr.Immediate{Register: 2, Data: binaryutil.NativeEndian.PutUint32(b.mark)},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 2},
	}
	reply := []expr.Any{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, equals([]byte{1})}
	b.rule(out, append(reply, pass...)...)
	for _, kind := range [...]byte{133, 135, 136} { // without router and neighbour discovery IPv6 answers nobody
		discovery := []expr.Any{
			&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, equals([]byte{unix.IPPROTO_ICMPV6}),
			&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}, equals([]byte{kind}),
		}
		b.rule(out, append(discovery, pass...)...)
	}
}

// NF_ARP_IN and NF_ARP_OUT, netfilter_arp.h.
const (
	arpIn  = 0
	arpOut = 1
)

func (b *batch) arp(how Network) {
	t := b.anew(nftables.TableFamilyARP)
	if how == NetworkCut {
		b.chain(t, prefix(how)+"input", nftables.ChainHookRef(arpIn), "")
		b.chain(t, prefix(how)+"output", nftables.ChainHookRef(arpOut), "")
	}
}

// device drops what comes in and goes out by a device, whatever its protocol.
func (b *batch) device(t *nftables.Table, how Network, device string, egress bool) {
	if how == NetworkCut {
		b.chain(t, prefix(how)+"ingress-"+device, nftables.ChainHookIngress, device)
	}
	if !egress {
		return
	}
	out := b.chain(t, prefix(how)+"egress-"+device, nftables.ChainHookEgress, device)
	if how == NetworkEgress {
		b.rule(out, &expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: 1}, equals([]byte{0x08, 0x06})) // ARP
		b.rule(out, &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, equals(binaryutil.NativeEndian.PutUint32(b.mark)))
	}
}

func equals(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: data} }

func prefix(how Network) string {
	if how == NetworkCut {
		return "cut-"
	}
	return "egress-cut-"
}

// remove takes the tables away that are there.
func (n *netns) remove() error {
	conn, err := nftables.New(nftables.WithNetNSFd(n.fd))
	if err != nil {
		return err
	}
	tables, err := conn.ListTables()
	if err != nil {
		return err
	}
	for _, t := range tables {
		if t.Name == table {
			conn.DelTable(t)
		}
	}
	return conn.Flush()
}

// state reads what is in force.
func (n *netns) state() (Network, error) {
	conn, err := nftables.New(nftables.WithNetNSFd(n.fd))
	if err != nil {
		return "", err
	}
	chains, err := conn.ListChains()
	if err != nil {
		return "", err
	}
	have, some := map[string]bool{}, false
	for _, c := range chains {
		if c.Table.Name == table {
			whole := c.Hooknum != nil && c.Policy != nil && *c.Policy == nftables.ChainPolicyDrop
			have[strconv.Itoa(int(c.Table.Family))+c.Name] = whole
			some = true
		}
	}
	if !some {
		return n.leftOver(conn)
	}
	inet := strconv.Itoa(int(nftables.TableFamilyINet))
	for _, how := range [...]Network{NetworkCut, NetworkEgress} {
		whole := have[inet+prefix(how)+"output"] && have[inet+prefix(how)+"forward"] && (how != NetworkCut || have[inet+prefix(how)+"input"])
		if whole && n.covered(have, how) {
			return how, nil
		}
	}
	return NetworkPartly, nil
}

// covered tells whether no device is without its chains, where any has them.
func (n *netns) covered(have map[string]bool, how Network) bool {
	netdev := strconv.Itoa(int(nftables.TableFamilyNetdev))
	any, all := false, true
	for _, device := range n.devices {
		if device == "lo" && how != NetworkCut {
			continue
		}
		is := have[netdev+prefix(how)+"egress-"+device] || have[netdev+prefix(how)+"ingress-"+device]
		any, all = any || is, all && is
	}
	return all || !any
}

// leftOver tells tables without chains from none.
func (n *netns) leftOver(conn *nftables.Conn) (Network, error) {
	tables, err := conn.ListTables()
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == table }) {
		return NetworkPartly, nil
	}
	return NetworkOpen, nil
}
