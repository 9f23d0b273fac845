package evidence

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/runward/runward/internal/monitor/forward"
)

// certificates makes an authority, and under it one for the server and one for
// the client, as files in dir.
func certificates(t *testing.T, dir string) {
	t.Helper()
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
			KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}
		if i == 0 {
			ca, caKey = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for suffix, b := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, name+suffix), pem.EncodeToMemory(b), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// rsyslog starts Debian's rsyslogd on loopback, with nothing of the system's
// configuration.
func rsyslog(t *testing.T, dir, port, driver string) *exec.Cmd {
	t.Helper()
	conf := "global(workDirectory=\"" + dir + "\" maxMessageSize=\"64k\" processInternalMessages=\"on\""
	module := "module(load=\"imtcp\")"
	if driver != "" {
		conf += fmt.Sprintf(" defaultNetstreamDriver=%q defaultNetstreamDriverCAFile=%q defaultNetstreamDriverCertFile=%q defaultNetstreamDriverKeyFile=%q",
			driver, dir+"/ca.pem", dir+"/server.pem", dir+"/server.key")
		module = fmt.Sprintf("module(load=\"imtcp\" streamDriver.name=%q streamDriver.mode=\"1\" streamDriver.authMode=\"x509/certvalid\")", driver)
	}
	conf += ")\n" + module + `
template(name="all" type="string" string="%structured-data%|%syslogfacility%.%syslogseverity%|%hostname%|%app-name%|%msgid%|%msg%\n")
ruleset(name="r") { action(type="omfile" file="` + dir + `/out" template="all" asyncWriting="off" flushOnTXEnd="on") }
input(type="imtcp" address="127.0.0.1" port="` + port + `" ruleset="r")
`
	if err := os.WriteFile(dir+"/rsyslog.conf", []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("rsyslogd", "-n", "-f", dir+"/rsyslog.conf", "-i", dir+"/pid")
	var said bytes.Buffer
	c.Stderr, c.Stdout = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill() // it may have ended
		_ = c.Wait()
		if t.Failed() && said.Len() > 0 {
			t.Log(said.String())
		}
	})
	until(t, "rsyslogd to listen", func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	return c
}

func TestRsyslog(t *testing.T) {
	for _, driver := range []string{"", "gtls", "ossl"} {
		t.Run("driver "+driver, func(t *testing.T) {
			dir := t.TempDir()
			certificates(t, dir)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			l.Close() // nobody is there at first
			d := forward.Destination{Type: forward.Syslog, Address: "tcp://127.0.0.1:" + port}
			if driver != "" {
				d.Address = "tls://127.0.0.1:" + port
				d.TLS = forward.TLS{CA: dir + "/ca.pem", Cert: dir + "/client.pem", Key: dir + "/client.key"}
			}
			cfg := config(t, d)
			write(t, cfg.Receipts, 300)
			f, stop := start(t, cfg)
			until(t, "a refused connection", func() bool { return f.Status()[0].Error != "" })
			for range 2 { // it is asked to end in the middle, and comes again
				c := rsyslog(t, dir, port, driver)
				write(t, cfg.Receipts, 1000)
				until(t, "some records", func() bool { return f.Status()[0].Lag < 500 })
				if err := c.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				_ = c.Wait()
				write(t, cfg.Receipts, 100)
			}
			c := rsyslog(t, dir, port, driver)
			const all = 300 + 2*1100
			until(t, "all records", func() bool { return f.Status()[0].Seq == all })
			stop()
			if err := c.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it has written everything
			out, err := os.ReadFile(dir + "/out")
			if err != nil {
				t.Fatal(err)
			}
			came(t, texts(t, cfg.Receipts), parse(t, out))
			t.Logf("%+v", f.Status()[0])
		})
	}
}

// parse reads what rsyslog understood of the messages.
func parse(t *testing.T, out []byte) []copied {
	t.Helper()
	one := regexp.MustCompile(`^\[runward@32473 seq="(\d+)" hash="sha256:[0-9a-f]{64}" severity="\w+" attempt="(\d+)"( resent="true")? id="\w{26}" (?:verdict="deny"|name="oom") container="c\\?]?\d+"\]\|13\.([24])\|node1\|runward\|(receipt|alert)\| ?(.*)$`)
	var all []copied
	for _, line := range bytes.Split(bytes.TrimSuffix(out, []byte{'\n'}), []byte{'\n'}) {
		m := one.FindSubmatch(line)
		if m == nil {
			t.Fatalf("rsyslog understood %q", line)
		}
		seq, err := strconv.ParseUint(string(m[1]), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		if (string(m[2]) == "1") != (len(m[3]) == 0) || (string(m[4]) == "4") != (string(m[5]) == "receipt") {
			t.Fatalf("rsyslog understood %q", line)
		}
		all = append(all, copied{seq: seq, resent: len(m[3]) > 0, text: string(m[6])})
	}
	return all
}
