// Sarload asks an authorization webhook over mTLS with keep-alive, and prints one JSON object: rate, latency, and what
// a request costs the server in CPU time.
//
//	sarload -url https://127.0.0.1:9443/authorize -ca ca.pem -cert c.pem -key k.pem -pid PID -n 50000 -c 8 [-rps 5000] [-h2]
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"log"
	"math"
	"net/http"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

// report is what a run prints. Latencies are microseconds; in an open loop they count from when the request was due.
type report struct {
	Protocol              string  `json:"protocol"`
	Requests              int     `json:"requests"`
	Errors                int64   `json:"errors"`
	FirstError            string  `json:"firstError,omitempty"`
	Denied                int64   `json:"denied"`
	Seconds               float64 `json:"seconds"`
	RequestsPerSecond     float64 `json:"requestsPerSecond"`
	P50                   float64 `json:"p50Micros"`
	P90                   float64 `json:"p90Micros"`
	P99                   float64 `json:"p99Micros"`
	P999                  float64 `json:"p999Micros"`
	Max                   float64 `json:"maxMicros"`
	CPUMicros             float64 `json:"cpuMicrosPerRequest,omitempty"`
	RequestsPerCPUSeconds float64 `json:"requestsPerCpuSecond,omitempty"`
	ServerPeakKiB         int     `json:"serverPeakKiB,omitempty"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("sarload: ")
	url := flag.String("url", "https://127.0.0.1:9443/authorize", "the webhook")
	ca := flag.String("ca", "", "PEM of the authority of the server's certificate")
	certificate := flag.String("cert", "", "PEM of the client's certificate")
	key := flag.String("key", "", "PEM of the client's key")
	pid := flag.Int("pid", 0, "the server's process, to measure its CPU time")
	requests := flag.Int("n", 50000, "how many requests count")
	warm := flag.Int("warm", 2000, "how many go first and do not count")
	workers := flag.Int("c", 8, "how many are under way at once")
	rate := flag.Float64("rps", 0, "open loop at this rate; 0 is a closed loop")
	h2 := flag.Bool("h2", false, "HTTP/2 in place of HTTP/1.1")
	distinct := flag.Int("distinct", 1000, "how many different reviews")
	flag.Parse()
	if *requests < 1 || *workers < 1 || *distinct < 1 {
		log.Fatal("-n, -c and -distinct must be at least 1")
	}

	identity, err := identify(*ca, *certificate, *key)
	if err != nil {
		log.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(!*h2)
	protocols.SetHTTP2(*h2)
	load := &load{
		url:    *url,
		bodies: reviews(*distinct),
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
			TLSClientConfig: identity, Protocols: protocols, MaxIdleConnsPerHost: *workers, MaxConnsPerHost: *workers,
		}},
	}
	// Collecting garbage would be measured as the server's latency. A run of 50,000 then holds 350 MiB.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(4 << 30)
	load.run(*warm, *workers, 0)
	load.reset()
	before, begin := cpuSeconds(*pid), time.Now()
	latencies := load.run(*requests, *workers, *rate)
	seconds, cpu := time.Since(begin).Seconds(), cpuSeconds(*pid)-before

	slices.Sort(latencies)
	quantile := func(q float64) float64 { return latencies[int(math.Ceil(q*float64(len(latencies))))-1] }
	protocol := "http/1.1"
	if *h2 {
		protocol = "h2"
	}
	result := report{
		Protocol: protocol, Requests: *requests, Errors: load.errors.Load(), FirstError: load.firstError(), Denied: load.denied.Load(),
		Seconds: seconds, RequestsPerSecond: float64(*requests) / seconds,
		P50: quantile(.5), P90: quantile(.9), P99: quantile(.99), P999: quantile(.999), Max: quantile(1),
	}
	if cpu > 0 {
		result.CPUMicros = cpu / float64(*requests) * 1e6
		result.RequestsPerCPUSeconds = float64(*requests) / cpu
		result.ServerPeakKiB = peakKiB(*pid)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
	if result.Errors > 0 {
		os.Exit(1)
	}
}

func identify(ca, certificate, key string) (*tls.Config, error) {
	config := &tls.Config{}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New("no certificate in " + ca)
		}
	}
	if certificate != "" {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
