package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// load asks, and counts what comes back.
type load struct {
	url    string
	client *http.Client
	bodies [][]byte

	errors, denied atomic.Int64
	first          atomic.Pointer[string]
}

// run asks n times with the given number of workers and returns the latencies in microseconds. With a rate, each counts from
// when it was due, so that waiting for a worker counts too.
func (l *load) run(n, workers int, rate float64) []float64 {
	latencies := make([]float64, n)
	turns := make(chan int, n)
	begin := time.Now()
	due := func(i int) time.Time { return begin.Add(time.Duration(float64(i) / rate * float64(time.Second))) }
	go func() {
		defer close(turns)
		if rate > 0 {
			pace(n, due, turns)
			return
		}
		for i := range n {
			turns <- i
		}
	}()
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for i := range turns {
				from := time.Now()
				if rate > 0 {
					from = due(i)
				}
				if err := l.ask(l.bodies[i%len(l.bodies)]); err != nil {
					l.errors.Add(1)
					text := err.Error()
					l.first.CompareAndSwap(nil, &text)
				}
				latencies[i] = float64(time.Since(from).Nanoseconds()) / 1e3
			}
		})
	}
	group.Wait()
	return latencies
}

// pace gives out each turn when it is due, from a thread of its own: an idle runtime wakes up for its own timers as much as a
// millisecond late. That thread keeps one of the runtime's processors while it sleeps, so that on one CPU there are two.
func pace(n int, due func(int) time.Time, turns chan<- int) {
	runtime.LockOSThread()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(2, runtime.GOMAXPROCS(0))))
	for i := range n {
		for left := time.Until(due(i)); left > 0; left = time.Until(due(i)) {
			span := syscall.NsecToTimespec(left.Nanoseconds())
			_ = syscall.Nanosleep(&span, nil) // a signal ends it early
		}
		turns <- i
	}
}

func (l *load) ask(body []byte) error {
	response, err := l.client.Post(l.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %.200s", response.Status, answer)
	}
	if bytes.Contains(answer, []byte(`"denied":true`)) {
		l.denied.Add(1)
	}
	return nil
}

func (l *load) reset() {
	l.errors.Store(0)
	l.denied.Store(0)
	l.first.Store(nil)
}

func (l *load) firstError() string {
	if text := l.first.Load(); text != nil {
		return *text
	}
	return ""
}

// reviews are of nodes that read a Node: by turns their own and another one.
func reviews(n int) [][]byte {
	bodies := make([][]byte, n)
	for i := range bodies {
		node := fmt.Sprintf("w-%04d", i)
		target := node
		if i%2 == 1 {
			target = "w-other"
		}
		bodies[i], _ = json.Marshal(map[string]any{ // strings and maps of strings always have a form
			"apiVersion": "authorization.k8s.io/v1",
			"kind":       "SubjectAccessReview",
			"spec": map[string]any{
				"user":               "system:node:" + node,
				"groups":             []string{"system:nodes", "system:authenticated"},
				"resourceAttributes": map[string]any{"verb": "get", "version": "v1", "resource": "nodes", "name": target},
				"extra": map[string]any{
					"authentication.kubernetes.io/credential-id": []string{"X509SHA256=" + strings.Repeat("ab", 32)},
				},
			},
		})
	}
	return bodies
}
