package clients

import (
	"testing"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
)

// Key frames of one picture, as far as a server reads them.
var keyFrames = map[string][]byte{
	webrtc.MimeTypeVP8: {0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 0x40, 0x01, 0xb4, 0x00},
	webrtc.MimeTypeH264: {
		0, 0, 0, 1, 0x67, 0x42, 0xe0, 0x1f, 0x8c, 0x8d, 0x40,
		0, 0, 0, 1, 0x68, 0xce, 0x3c, 0x80,
		0, 0, 0, 1, 0x65, 0x88, 0x84, 0x00,
	},
}

// publish has a participant publish a track of a codec, and returns both.
func publish(t *testing.T, room *lksdk.Room, codec webrtc.RTPCodecCapability) (*lksdk.LocalTrack, *lksdk.LocalTrackPublication) {
	t.Helper()
	track, err := lksdk.NewLocalSampleTrack(codec)
	if err != nil {
		t.Fatal(err)
	}
	publication, err := room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Name: codec.MimeType})
	if err != nil {
		t.Fatalf("%s is not published: %v", codec.MimeType, err)
	}
	return track, publication
}

// show sends key frames of a codec until the end of the test.
func show(t *testing.T, room *lksdk.Room, codec webrtc.RTPCodecCapability) {
	t.Helper()
	track, _ := publish(t, room, codec)
	play(t, track, media.Sample{Data: keyFrames[codec.MimeType], Duration: 100 * time.Millisecond})
}

// notices returns a callback that tells the codecs of the tracks that it is handed.
func notices(codecs chan<- string) *lksdk.RoomCallback {
	subscribed := func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		codecs <- track.Codec().MimeType
	}
	return &lksdk.RoomCallback{ParticipantCallback: lksdk.ParticipantCallback{OnTrackSubscribed: subscribed}}
}

// Pion up to 4.0.12 knows no codec that the first video section did not name.
func TestATrackOfAnotherCodecThanTheFirstIsReceived(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		toBob := make(chan string, 8)
		join(t, room, "bob", notices(toBob), options)
		alice := join(t, room, "alice", nil, options)
		show(t, alice, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000})
		await(t, "bob sees", toBob, webrtc.MimeTypeVP8)
		show(t, alice, webrtc.RTPCodecCapability{
			MimeType:    webrtc.MimeTypeH264,
			ClockRate:   90_000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		})
		await(t, "bob sees", toBob, webrtc.MimeTypeH264)
	})
}

// The SDK knows a track by its first packet.
func TestAMutedTrackIsNoticed(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		alice := join(t, room, "alice", nil, options)
		for _, codec := range []webrtc.RTPCodecCapability{
			{MimeType: webrtc.MimeTypeOpus, ClockRate: 48_000, Channels: 2},
			{MimeType: webrtc.MimeTypeVP8, ClockRate: 90_000},
		} {
			_, publication := publish(t, alice, codec)
			publication.SetMuted(true)
		}
		toBob := make(chan string, 8)
		join(t, room, "bob", notices(toBob), options)
		seen := map[string]bool{}
		for timeout := time.After(patience); !seen[webrtc.MimeTypeOpus] || !seen[webrtc.MimeTypeVP8]; {
			select {
			case codec := <-toBob:
				seen[codec] = true
			case <-timeout:
				t.Fatalf("bob sees no more than %v", seen)
			}
		}
	})
}
