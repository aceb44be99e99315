// Fakecri is a container runtime for a real kubelet on a machine without containers. The state of pods is kept by
// Kubernetes' own fake; a container whose image begins with `host/` is a process of this machine, with real logs, exec,
// attach and port-forward. Any other container is a name only.
package main

import (
	"flag"
	"log"
	"os"

	"google.golang.org/grpc"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/cri-client/pkg/util"
	"k8s.io/cri-streaming/pkg/streaming"
)

func main() {
	socket := flag.String("socket", "", "where the kubelet finds this runtime")
	streams := flag.String("streams", "127.0.0.1:10350", "address for exec, attach and port-forward")
	podIP := flag.String("pod-ip", "127.0.0.1", "the address of every pod")
	flag.Parse()
	log.SetFlags(0)
	log.SetPrefix("fakecri: ")

	runtime := newRuntime(*podIP)
	config := streaming.DefaultConfig
	config.Addr = *streams
	var err error
	if runtime.streams, err = streaming.NewServer(config, streamer{runtime}); err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(runtime.streams.Start(true)) }()

	os.Remove(*socket) // of an earlier run; a failure shows in the next line
	listener, err := util.CreateListener("unix://" + *socket)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	cri.RegisterRuntimeServiceServer(server, runtime)
	cri.RegisterImageServiceServer(server, runtime)
	log.Printf("serving on %s", *socket)
	log.Fatal(server.Serve(listener))
}
