// Configs reads configuration files as Kubernetes does: strictly, with its own defaults and validation. Of an
// AuthorizationConfiguration it also tells, for each SubjectAccessReviewSpec on its standard input, one a line, whether
// the first authorizer's matchConditions let it through.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	authorization "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/apiserver/load"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm"
	kubeadmscheme "k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: configs authorization|pod|kubeadm FILE")
	}
	kinds := map[string]func(file string) error{"authorization": authorizers, "pod": pod, "kubeadm": cluster}
	kind, known := kinds[os.Args[1]]
	if !known {
		log.Fatalf("%s is no kind", os.Args[1])
	}
	if err := kind(os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

// authorizers is what kube-apiserver does with --authorization-config before it starts.
func authorizers(file string) error {
	config, err := load.LoadFromFile(file)
	if err != nil {
		return err
	}
	compiler := cel.NewDefaultCompiler()
	known := sets.New("Webhook", "Node", "RBAC", "ABAC", "AlwaysAllow", "AlwaysDeny")
	if errs := validation.ValidateAuthorizationConfiguration(compiler, nil, config, known, sets.New("Webhook")); len(errs) > 0 {
		return errs.ToAggregate()
	}
	first := config.Authorizers[0]
	if first.Webhook == nil {
		return fmt.Errorf("the first authorizer is %s", first.Type)
	}
	matcher, errs := validation.ValidateAndCompileMatchConditions(compiler, first.Webhook.MatchConditions)
	if len(errs) > 0 {
		return errs.ToAggregate()
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 4<<20)
	for lines.Scan() {
		var review authorization.SubjectAccessReview
		if err := json.Unmarshal(lines.Bytes(), &review.Spec); err != nil {
			return err
		}
		passes := true
		if matcher != nil {
			if passes, err = matcher.Eval(context.Background(), &review); err != nil {
				return err
			}
		}
		fmt.Println(passes)
	}
	return lines.Err()
}

// pod is what a kubelet does with a static pod, short of running it.
func pod(file string) error {
	object, err := decode(file, legacyscheme.Scheme)
	if err != nil {
		return err
	}
	pod, is := object.(*core.Pod)
	if !is {
		return fmt.Errorf("%s is no Pod", file)
	}
	return corevalidation.ValidatePodCreate(pod, corevalidation.PodValidationOptions{}).ToAggregate()
}

func cluster(file string) error {
	object, err := decode(file, kubeadmscheme.Scheme)
	if err != nil {
		return err
	}
	cluster, is := object.(*kubeadm.ClusterConfiguration)
	if !is {
		return fmt.Errorf("%s is no ClusterConfiguration", file)
	}
	return json.NewEncoder(os.Stdout).Encode(cluster.APIServer.ExtraArgs)
}

func decode(file string, scheme *runtime.Scheme) (runtime.Object, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	codecs := serializer.NewCodecFactory(scheme, serializer.EnableStrict)
	return runtime.Decode(codecs.UniversalDecoder(), data)
}
