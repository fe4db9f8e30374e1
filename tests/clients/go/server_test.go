// Tests with LiveKit's SDK for Go, which stands on Pion and not, as the others do, on libwebrtc.
package clients

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/livekit/protocol/logger"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

const (
	loopback     = "127.0.0.1"
	startTimeout = 15 * time.Second
	stopTimeout  = 5 * time.Second
	ownKey       = "testkey"
	ownSecret    = "a-secret-of-the-tests-with-more-than-32-characters"
)

// server is what is tested.
var server struct{ url, key, secret string }

// TestMain has the tests meet a server that runs already (SLUICE_URL), or one started from SLUICE_BIN on free ports.
func TestMain(m *testing.M) {
	stop, err := findServer()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	// Both SDK and Pion tell all they do.
	lksdk.SetLogger(logger.GetDiscardLogger())
	status := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func findServer() (stop func() error, err error) {
	if url := os.Getenv("SLUICE_URL"); url != "" {
		server.url = strings.TrimRight(url, "/")
		server.key = orDefault(os.Getenv("SLUICE_API_KEY"), "devkey")
		server.secret = orDefault(os.Getenv("SLUICE_API_SECRET"), "secret")
		return func() error { return nil }, nil
	}
	binary := os.Getenv("SLUICE_BIN")
	if binary == "" {
		return nil, errors.New("set SLUICE_URL (with SLUICE_API_KEY and SLUICE_API_SECRET) or SLUICE_BIN")
	}
	return startServer(binary)
}

func orDefault(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func startServer(binary string) (stop func() error, err error) {
	port, metricsPort := freePort("tcp"), freePort("tcp")
	// JSON is YAML: the configuration needs no second syntax here.
	webhooks = make(chan received, 1024)
	receiver := httptest.NewServer(http.HandlerFunc(receiveWebhook))
	config, err := json.Marshal(map[string]any{
		"webhook":        map[string]any{"api_key": ownKey, "allow_private": true, "urls": []string{receiver.URL}},
		"port":           port,
		"prometheus":     map[string]any{"port": metricsPort},
		"bind_addresses": []string{loopback},
		"keys":           map[string]string{ownKey: ownSecret},
		"rtc": map[string]any{
			"tcp_port":                  freePort("tcp"),
			"udp_port":                  freePort("udp"),
			"node_ip":                   loopback,
			"enable_loopback_candidate": true,
			"use_external_ip":           false,
		},
	})
	if err != nil {
		return nil, err
	}
	name := filepath.Join(orDefault(os.Getenv("SLUICE_TEST_LOGS"), os.TempDir()), fmt.Sprintf("server-go-%d.log", port))
	log, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	process := exec.Command(binary, "--config-body", string(config))
	process.Stdout, process.Stderr = log, log
	if err := process.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- process.Wait() }()
	server.url, server.key, server.secret = fmt.Sprintf("ws://%s:%d", loopback, port), ownKey, ownSecret
	if err := awaitAnswer(fmt.Sprintf("http://%s:%d/", loopback, port), ended); err != nil {
		process.Process.Kill()
		return nil, fmt.Errorf("%w; see %s", err, name)
	}
	metrics := fmt.Sprintf("http://%s:%d/metrics", loopback, metricsPort)
	return func() error {
		met := noLimitMet(metrics)
		defer receiver.Close()
		return errors.Join(met, stopServer(process.Process, ended, name))
	}, nil
}

func freePort(network string) int {
	if network == "udp" {
		socket, err := net.ListenPacket(network, loopback+":0")
		if err != nil {
			panic(err)
		}
		defer socket.Close()
		return socket.LocalAddr().(*net.UDPAddr).Port
	}
	listener, err := net.Listen(network, loopback+":0")
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func awaitAnswer(url string, ended <-chan error) error {
	patience, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(patience, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if answer, err := http.DefaultClient.Do(request); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %v", err)
		case <-patience.Done():
			return errors.New("the server does not answer")
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// countsALimit matches metrics that count a limit for clients (docs/limits.md).
var countsALimit = regexp.MustCompile(`^sluice_(limit_hits_total\{|rooms_failed_total|drops_total\{.*"` +
	`(too_long|too_many_ssrcs|not_sealed|data_refused|lossy_data_over_budget)")`)

// noLimitMet tells which limits were met by the tests, which do nothing but use the server.
func noLimitMet(metrics string) error {
	answer, err := http.Get(metrics)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	counted := false
	var met []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); countsALimit.MatchString(line) {
			counted = true
			if !strings.HasSuffix(line, " 0") {
				met = append(met, line)
			}
		}
	}
	switch {
	case !counted:
		return fmt.Errorf("%s counts no limits", metrics)
	case met != nil:
		return fmt.Errorf("limits that clients met who did nothing but use the server: %v", met)
	}
	return nil
}

func stopServer(process *os.Process, ended <-chan error, log string) error {
	select {
	case err := <-ended:
		return fmt.Errorf("the server ended during the tests: %v; see %s", err, log)
	default:
	}
	process.Signal(syscall.SIGTERM)
	select {
	case <-ended:
	case <-time.After(stopTimeout):
		process.Kill()
	}
	return nil
}
