package clients

import (
	"fmt"
	"testing"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

func TestTwoHearEachOther(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		toAlice, toBob := make(chan string, 1), make(chan string, 1)
		alice := join(t, room, "alice", hears(toAlice), options)
		bob := join(t, room, "bob", hears(toBob), options)
		speak(t, alice, []byte("\xfc alice"))
		speak(t, bob, []byte("\xfc bob"))
		await(t, "alice hears", toAlice, "\xfc bob")
		await(t, "bob hears", toBob, "\xfc alice")
	})
}

func TestOneWhoComesLaterHearsWhoSpeaksAlready(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		speak(t, join(t, room, "alice", nil, options), []byte("\xfc alice"))
		toBob := make(chan string, 1)
		join(t, room, "bob", hears(toBob), options)
		await(t, "bob hears", toBob, "\xfc alice")
	})
}

func TestDataArrivesReliablyAndLossy(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		arrived := make(chan string, 16)
		callback := &lksdk.RoomCallback{}
		callback.OnDataPacket = func(data lksdk.DataPacket, from lksdk.DataReceiveParams) {
			if packet, ok := data.(*lksdk.UserDataPacket); ok {
				arrived <- fmt.Sprintf("%s: %s", from.SenderIdentity, packet.Payload)
			}
		}
		alice := join(t, room, "alice", nil, options)
		join(t, room, "bob", callback, options)
		for word, reliable := range map[string]bool{"certainly": true, "perhaps": false} {
			err := alice.LocalParticipant.PublishData([]byte(word), lksdk.WithDataPublishReliable(reliable))
			if err != nil {
				t.Fatalf("%s is not sent: %v", word, err)
			}
			await(t, "bob gets", arrived, "alice: "+word)
		}
	})
}

func TestACallOfAMethodIsAnswered(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		// Alice before Bob: with one connection the SDK drops what is sent right after a join.
		alice := join(t, room, "alice", nil, options)
		bob := join(t, room, "bob", nil, options)
		answer := func(call lksdk.RpcInvocationData) (string, error) {
			return call.CallerIdentity + " said " + call.Payload, nil
		}
		if err := bob.RegisterRpcMethod("echo", answer); err != nil {
			t.Fatal(err)
		}
		call := lksdk.PerformRpcParams{DestinationIdentity: "bob", Method: "echo", Payload: "hello"}
		answered, err := alice.LocalParticipant.PerformRpc(call)
		if err != nil {
			t.Fatalf("the call fails: %v", err)
		}
		if *answered != "alice said hello" {
			t.Fatalf("the answer is %q", *answered)
		}
	})
}

// The SDK misses an answer to the offer in its join request that comes before it has set the offer.
func TestEveryJoinSucceeds(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		for i := range 20 {
			join(t, room, fmt.Sprintf("participant-%d", i), nil, options).Disconnect()
		}
	})
}
