// The tables (see protobuf.js) of the LiveKit messages that this page reads or writes in binary: data packets, and
// those signal responses that a server may send before it knows that the page speaks JSON. Fields that the page
// has no use for are left out; a reader skips them.
// Source: livekit_rtc.proto and livekit_models.proto of the LiveKit protocol.

export const DisconnectReason = [
  'UNKNOWN_REASON', 'CLIENT_INITIATED', 'DUPLICATE_IDENTITY', 'SERVER_SHUTDOWN', 'PARTICIPANT_REMOVED', 'ROOM_DELETED',
  'STATE_MISMATCH', 'JOIN_FAILURE', 'MIGRATION', 'SIGNAL_CLOSE', 'ROOM_CLOSED', 'USER_UNAVAILABLE', 'USER_REJECTED',
  'SIP_TRUNK_FAILURE', 'CONNECTION_TIMEOUT', 'MEDIA_FAILURE', 'AGENT_ERROR',
];
const SignalTarget = ['PUBLISHER', 'SUBSCRIBER'];
const TrackType = ['AUDIO', 'VIDEO', 'DATA'];
const TrackSource = ['UNKNOWN', 'CAMERA', 'MICROPHONE', 'SCREEN_SHARE', 'SCREEN_SHARE_AUDIO'];

const Room = { 1: ['sid', 'string'], 2: ['name', 'string'] };

const TrackInfo = {
  1: ['sid', 'string'],
  2: ['type', TrackType],
  3: ['name', 'string'],
  4: ['muted', 'bool'],
  5: ['width', 'uint'],
  6: ['height', 'uint'],
  9: ['source', TrackSource],
  11: ['mimeType', 'string'],
};

const ParticipantPermission = {
  1: ['canSubscribe', 'bool'],
  2: ['canPublish', 'bool'],
  3: ['canPublishData', 'bool'],
};

const ParticipantInfo = {
  1: ['sid', 'string'],
  2: ['identity', 'string'],
  3: ['state', ['JOINING', 'JOINED', 'ACTIVE', 'DISCONNECTED']],
  4: ['tracks', TrackInfo, 'repeated'],
  9: ['name', 'string'],
  10: ['version', 'uint'],
  11: ['permission', ParticipantPermission],
};

const IceServer = { 1: ['urls', 'string', 'repeated'], 2: ['username', 'string'], 3: ['credential', 'string'] };

const JoinResponse = {
  1: ['room', Room],
  2: ['participant', ParticipantInfo],
  3: ['otherParticipants', ParticipantInfo, 'repeated'],
  5: ['iceServers', IceServer, 'repeated'],
  6: ['subscriberPrimary', 'bool'],
  10: ['pingTimeout', 'uint'],
  11: ['pingInterval', 'uint'],
};

const SessionDescription = { 1: ['type', 'string'], 2: ['sdp', 'string'], 3: ['id', 'uint'] };

const TrickleRequest = { 1: ['candidateInit', 'string'], 2: ['target', SignalTarget], 3: ['final', 'bool'] };

const LeaveRequest = {
  2: ['reason', DisconnectReason],
  3: ['action', ['DISCONNECT', 'RESUME', 'RECONNECT']],
};

export const SignalResponse = {
  1: ['join', JoinResponse],
  2: ['answer', SessionDescription],
  3: ['offer', SessionDescription],
  4: ['trickle', TrickleRequest],
  5: ['update', { 1: ['participants', ParticipantInfo, 'repeated'] }],
  8: ['leave', LeaveRequest],
  9: ['mute', { 1: ['sid', 'string'], 2: ['muted', 'bool'] }],
  16: ['refreshToken', 'string'],
  19: ['reconnect', { 1: ['iceServers', IceServer, 'repeated'], 4: ['lastMessageSeq', 'uint'] }],
};

const ChatMessage = { 1: ['id', 'string'], 2: ['timestamp', 'uint'], 4: ['message', 'string'] };

const StreamHeader = {
  1: ['streamId', 'string'],
  2: ['timestamp', 'uint'],
  3: ['topic', 'string'],
  4: ['mimeType', 'string'],
  5: ['totalLength', 'uint'],
  8: ['attributes', 'string', 'map'],
  9: ['textHeader', { 1: ['operationType', ['CREATE', 'UPDATE', 'DELETE', 'REACTION']] }],
};

const StreamChunk = { 1: ['streamId', 'string'], 2: ['chunkIndex', 'uint'], 3: ['content', 'bytes'] };

const StreamTrailer = { 1: ['streamId', 'string'], 2: ['reason', 'string'] };

export const DataPacket = {
  4: ['participantIdentity', 'string'],
  9: ['chatMessage', ChatMessage],
  13: ['streamHeader', StreamHeader],
  14: ['streamChunk', StreamChunk],
  15: ['streamTrailer', StreamTrailer],
  16: ['sequence', 'uint'],
  17: ['participantSid', 'string'],
};
