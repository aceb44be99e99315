// Chains verifies peers as Go's TLS does: one question a line on its standard input, and for each a line with the reason
// of a refusal, which is empty where the peer is accepted. It is told nothing of revocation, which crypto/x509 does not look at.
package main

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"time"
)

// question is a peer: its chain as it was sent, leaf first, and whom it is asked to be.
type question struct {
	Anchors [][]byte
	Chain   [][]byte
	Client  bool
	// A DNS name or an address; empty where none was dialled.
	Name string
	// Seconds since 1970.
	At int64
}

func main() {
	log.SetFlags(0)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var asked question
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		reason := ""
		if err := verify(asked); err != nil {
			reason = err.Error()
		}
		fmt.Println(strings.ReplaceAll(reason, "\n", " "))
	}
	if err := lines.Err(); err != nil {
		log.Fatal(err)
	}
}

func verify(asked question) error {
	options := x509.VerifyOptions{
		DNSName:       asked.Name,
		Roots:         x509.NewCertPool(),
		Intermediates: x509.NewCertPool(),
		CurrentTime:   time.Unix(asked.At, 0),
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if asked.Client {
		options.KeyUsages = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	// As AppendCertsFromPEM does: an anchor that cannot be read is none.
	for _, der := range asked.Anchors {
		if anchor, err := x509.ParseCertificate(der); err == nil {
			options.Roots.AddCert(anchor)
		}
	}
	var sent []*x509.Certificate
	for _, der := range asked.Chain {
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		sent = append(sent, certificate)
	}
	if len(sent) == 0 {
		return errors.New("no certificate")
	}
	for _, certificate := range sent[1:] {
		options.Intermediates.AddCert(certificate)
	}
	_, err := sent[0].Verify(options)
	return err
}
