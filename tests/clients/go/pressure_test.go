package clients

import (
	"encoding/binary"
	"fmt"
	"sync"
	"testing"
	"time"

	lksdk "github.com/livekit/server-sdk-go/v2"
)

// The pace of a slow receiver: it sleeps so long after so many bytes, which is 4 MB/s at most.
const (
	slowBytes = 15_000
	slowSleep = 4 * time.Millisecond
)

// slowly returns a callback that takes numbered messages at that pace, and tells of the first, the last, and each that
// comes out of turn.
func slowly(count uint32, told chan<- string) *lksdk.RoomCallback {
	var next uint32
	bytes := 0
	callback := &lksdk.RoomCallback{}
	callback.OnDataPacket = func(data lksdk.DataPacket, _ lksdk.DataReceiveParams) {
		packet, ok := data.(*lksdk.UserDataPacket)
		if !ok {
			return
		}
		if number := binary.BigEndian.Uint32(packet.Payload); number != next {
			told <- fmt.Sprintf("message %d in place of %d", number, next)
		}
		switch next++; next {
		case 1:
			told <- "the first"
		case count:
			told <- "all"
		}
		if bytes += len(packet.Payload); bytes >= slowBytes {
			bytes -= slowBytes
			time.Sleep(slowSleep)
		}
	}
	callback.OnDisconnected = func() { told <- "thrown out" }
	return callback
}

// As LiveKit's TestDataPublishSlowSubscriber: who takes data slowly slows down who sends it, and nobody loses anything.
func TestASlowReceiverGetsEverything(t *testing.T) {
	for _, messages := range []struct {
		count uint32
		bytes int
	}{{1_000, 15_000}, {100_000, 100}} {
		t.Run(fmt.Sprintf("%d messages of %d bytes", messages.count, messages.bytes), func(t *testing.T) {
			room := newRoomName()
			told := make(chan string, 16)
			alice := join(t, room, "alice", nil, modes["single"])
			join(t, room, "bob", slowly(messages.count, told), modes["single"])
			send := func(number uint32) {
				payload := binary.BigEndian.AppendUint32(make([]byte, 0, messages.bytes), number)
				packet := lksdk.UserData(payload[:messages.bytes])
				if err := alice.LocalParticipant.PublishDataPacket(packet, lksdk.WithDataPublishReliable(true)); err != nil {
					t.Fatalf("message %d is not sent: %v", number, err)
				}
			}
			send(0)
			await(t, "bob gets", told, "the first")
			for number := range messages.count - 1 {
				send(number + 1)
			}
			select {
			case what := <-told:
				if what != "all" {
					t.Fatal(what)
				}
			case <-time.After(4 * patience):
				t.Fatal("not all of it comes")
			}
		})
	}
}

func TestFiftyJoinAtOnce(t *testing.T) {
	inBothModes(t, func(t *testing.T, options []lksdk.ConnectOption) {
		room := newRoomName()
		var all sync.WaitGroup
		for i := range 50 {
			all.Go(func() { join(t, room, fmt.Sprintf("participant-%d", i), nil, options) })
		}
		all.Wait()
	})
}
