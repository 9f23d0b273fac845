package kubeapi_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/runward/runward/internal/kubeapi"
	"github.com/runward/runward/internal/kubeapi/kubeapitest"
)

// The certificate is the cluster's own or the token is not sent, and the token
// is read for each call.
func TestClient(t *testing.T) {
	s := kubeapitest.New(t, "n1")
	c := s.Client()
	if node, err := c.Node(t.Context(), "n1"); err != nil || node.Metadata.Name != "n1" {
		t.Errorf("%+v, %v", node, err)
	}
	if _, err := c.Node(t.Context(), "n/2"); err == nil || err.Error() != `GET /api/v1/nodes/n%2F2: 404: nodes "n/2" not found` {
		t.Error(err)
	}
	yes := "true"
	if err := c.Mark(t.Context(), "n1", kubeapi.Marks{Labels: map[string]*string{"runward.io/ready": &yes, "none": nil}}); err != nil {
		t.Error(err)
	}
	if err := c.Tell(t.Context(), "n1", "Normal", "RunwardReady", "text", time.Unix(0, 0)); err != nil {
		t.Error(err)
	}
	if got := s.Take(); got != "mark n1: runward.io/ready=true\nevent Normal RunwardReady" {
		t.Errorf("got %s", got)
	}

	if err := os.WriteFile(filepath.Join(s.Credentials, "token"), []byte("another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Node(t.Context(), "n1"); err == nil || err.Error() != "GET /api/v1/nodes/n1: 401: Unauthorized" {
		t.Errorf("with another token: %v", err)
	}
	if err := os.WriteFile(filepath.Join(s.Credentials, "ca.crt"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kubeapi.New(s.URL, s.Credentials); err == nil || !strings.HasSuffix(err.Error(), "ca.crt is none") {
		t.Error(err)
	}
}

// A server whose certificate is another's is told nothing.
func TestCertificate(t *testing.T) {
	s := kubeapitest.New(t, "n1")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.Credentials, "ca.crt"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Client().Node(t.Context(), "n1"); err == nil || !strings.Contains(err.Error(), "failed to verify certificate") {
		t.Error(err)
	}
}

// Outside of a cluster it says so.
func TestInCluster(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	if _, err := kubeapi.InCluster(); err == nil || err.Error() != "KUBERNETES_SERVICE_HOST is not set: run this as a pod" {
		t.Error(err)
	}
}
