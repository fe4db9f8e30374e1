package clients

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	"github.com/livekit/protocol/webhook"
	lksdk "github.com/livekit/server-sdk-go/v2"
)

// webhooks is what the receiver of the server under test was sent, as the SDK reads it; nil where the server runs already.
var webhooks chan received

type received struct {
	event *livekit.WebhookEvent
	err   error
}

func receiveWebhook(answer http.ResponseWriter, request *http.Request) {
	event, err := webhook.ReceiveWebhookEvent(request, auth.NewSimpleKeyProvider(ownKey, ownSecret))
	select {
	case webhooks <- received{event, err}:
	default:
	}
	answer.WriteHeader(http.StatusOK)
}

func TestTheReceiverOfTheSDKTakesWebhooks(t *testing.T) {
	if webhooks == nil {
		t.Skip("the server was started by somebody else")
	}
	service := lksdk.NewRoomServiceClient(server.url, server.key, server.secret)
	patience, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	name := "webhooks"
	if _, err := service.CreateRoom(patience, &livekit.CreateRoomRequest{Name: name}); err != nil {
		t.Fatal(err)
	}
	if _, err := service.DeleteRoom(patience, &livekit.DeleteRoomRequest{Room: name}); err != nil {
		t.Fatal(err)
	}
	var seen []string
	for len(seen) < 2 {
		select {
		case got := <-webhooks:
			if got.err != nil {
				t.Fatal(got.err)
			}
			if got.event.GetRoom().GetName() == name {
				seen = append(seen, got.event.GetEvent())
			}
		case <-patience.Done():
			t.Fatalf("only %v came", seen)
		}
	}
	if seen[0] != webhook.EventRoomStarted || seen[1] != webhook.EventRoomFinished {
		t.Fatalf("came as %v", seen)
	}
}
