package clients

import (
	"crypto/rand"
	"testing"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

const patience = 15 * time.Second

// modes are the generations of signalling: one peer connection, or two.
var modes = map[string][]lksdk.ConnectOption{
	"single": {lksdk.WithSinglePeerConnection()},
	"dual":   nil,
}

// inBothModes runs a test with each of them.
func inBothModes(t *testing.T, test func(t *testing.T, options []lksdk.ConnectOption)) {
	for name, options := range modes {
		t.Run(name, func(t *testing.T) { test(t, options) })
	}
}

func newRoomName() string { return "go-" + rand.Text() }

// join has a participant join, which leaves at the end of the test.
func join(t *testing.T, room, identity string, callback *lksdk.RoomCallback, options []lksdk.ConnectOption) *lksdk.Room {
	t.Helper()
	if callback == nil {
		callback = &lksdk.RoomCallback{}
	}
	info := lksdk.ConnectInfo{
		APIKey:              server.key,
		APISecret:           server.secret,
		RoomName:            room,
		ParticipantIdentity: identity,
	}
	joined, err := lksdk.ConnectToRoom(server.url, info, callback, options...)
	if err != nil {
		t.Fatalf("%s does not join: %v", identity, err)
	}
	t.Cleanup(joined.Disconnect)
	return joined
}

// speak publishes a microphone that sends `frame` 50 times a second until the end of the test.
func speak(t *testing.T, room *lksdk.Room, frame []byte) {
	t.Helper()
	track, err := lksdk.NewLocalSampleTrack(webrtc.RTPCodecCapability{
		MimeType:  webrtc.MimeTypeOpus,
		ClockRate: 48_000,
		Channels:  2,
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: "microphone"}); err != nil {
		t.Fatalf("the microphone is not published: %v", err)
	}
	play(t, track, media.Sample{Data: frame, Duration: 20 * time.Millisecond})
}

// play sends `sample` over and over, each for as long as it lasts, until the end of the test.
func play(t *testing.T, track *lksdk.LocalTrack, sample media.Sample) {
	ticker, done := time.NewTicker(sample.Duration), make(chan struct{})
	t.Cleanup(func() { close(done) })
	go func() {
		defer ticker.Stop()
		for {
			select {
			case <-done:
				return
			case <-ticker.C:
				track.WriteSample(sample, nil)
			}
		}
	}()
}

// hears returns a callback that hands on the payloads of whatever is subscribed.
func hears(payloads chan<- string) *lksdk.RoomCallback {
	subscribed := func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		go func() {
			for {
				packet, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				select {
				case payloads <- string(packet.Payload):
				default:
				}
			}
		}()
	}
	return &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{OnTrackSubscribed: subscribed}}
}

// await takes from a channel until it gives `expected`.
func await[T comparable](t *testing.T, what string, from <-chan T, expected T) {
	t.Helper()
	timeout := time.After(patience)
	var last T
	for {
		select {
		case last = <-from:
			if last == expected {
				return
			}
		case <-timeout:
			t.Fatalf("%s: waited for %v, saw %v last", what, expected, last)
		}
	}
}
