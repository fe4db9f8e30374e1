//! Requests that are repeated, and done once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use signaling::http::Caller;
use tokio::sync::OnceCell;

use super::error::ApiError;
use super::request::{IDEMPOTENCY_KEY, read_body};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Most answers that are kept; the oldest go first.
const MAX_ANSWERS: usize = 10_000;

/// Most bytes of them; the oldest go first.
const MAX_BYTES: usize = 16 << 20;

/// Marks an answer that was given before.
const REPLAYED: &str = "idempotent-replayed";

/// Answers to requests with a key of their own, in this process. Clones are handles to the same.
#[derive(Clone, Debug, Default)]
pub struct Answers(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    /// The oldest first.
    order: VecDeque<(Instant, Key)>,
    bytes: usize,
}

/// Who repeats what: a hash of the caller and its key.
type Key = [u8; 32];

#[derive(Clone, Debug)]
struct Entry {
    /// A hash of the request: another one with the same key is a mistake.
    request: Key,
    /// Is empty while it is carried out, for which a repetition waits.
    answer: Arc<OnceCell<Answer>>,
}

#[derive(Clone, Debug)]
struct Answer {
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
}

/// Carries out a request that has a key once, and answers each repetition alike. A request that fails by our fault may be
/// repeated: it is carried out again.
pub(crate) async fn once(State(answers): State<Answers>, request: Request, next: Next) -> Response {
    let caller = request.extensions().get().and_then(Caller::verified);
    // Others are refused without more ado.
    let caller = caller
        .filter(|caller| caller.claims.check_admin().is_ok())
        .cloned();
    let (Some(caller), Some(written)) = (caller, request.headers().get(IDEMPOTENCY_KEY)) else {
        return next.run(request).await;
    };
    let Some(written) = written
        .to_str()
        .ok()
        .filter(|key| (1..=255).contains(&key.len()))
    else {
        let message = "write 1 to 255 ASCII characters";
        return ApiError::invalid("Idempotency-Key", message).into_response();
    };
    let whose = format!(
        "{}\n{}\n{written}",
        caller.token.key, caller.claims.identity
    );
    let key = hash(whose.as_bytes());
    let (parts, body) = request.into_parts();
    let body = match read_body(body).await {
        Ok(body) => body,
        Err(error) => return error.into_response(),
    };
    let entry = answers.entry(key, hash_of(&parts, &body));
    let Ok(entry) = entry else {
        let message = "the key was used for another request";
        return ApiError::invalid("Idempotency-Key", message).into_response();
    };
    let request = Request::from_parts(parts, Body::from(body));
    // A caller that goes away leaves nothing half done, and nothing that a repetition would do once more.
    let done = tokio::spawn(async move {
        let mut is_first = false;
        let answer = entry.answer.get_or_init(async || {
            is_first = true;
            Answer::of(next.run(request).await).await
        });
        let answer = answer.await.clone();
        if is_first {
            answers.note(key, &answer);
        }
        answer.respond(!is_first)
    });
    let failed = |_| StatusCode::INTERNAL_SERVER_ERROR.into_response();
    done.await.unwrap_or_else(failed)
}

impl Answers {
    /// Returns the place of a key's answer; an error if the key belongs to another request.
    fn entry(&self, key: Key, request: Key) -> Result<Entry, KeyUsed> {
        let mut kept = self.lock();
        kept.forget_old(Instant::now());
        if let Some(entry) = kept.entries.get(&key) {
            return match entry.request == request {
                true => Ok(entry.clone()),
                false => Err(KeyUsed),
            };
        }
        let entry = Entry {
            request,
            answer: Arc::default(),
        };
        kept.entries.insert(key, entry.clone());
        kept.order.push_back((Instant::now(), key));
        Ok(entry)
    }

    /// Keeps an answer, unless the request is worth another try.
    fn note(&self, key: Key, answer: &Answer) {
        let mut kept = self.lock();
        if answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS {
            // Its bytes were not counted.
            kept.entries.remove(&key);
            return;
        }
        if kept.entries.contains_key(&key) {
            kept.bytes += answer.body.len();
        }
        kept.forget_old(Instant::now());
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The key belongs to another request.
struct KeyUsed;

impl Kept {
    fn forget_old(&mut self, now: Instant) {
        while let Some((at, key)) = self.order.front().copied()
            && (at + KEPT < now || self.order.len() > MAX_ANSWERS || self.bytes > MAX_BYTES)
        {
            self.forget(&key);
            self.order.pop_front();
        }
    }

    fn forget(&mut self, key: &Key) {
        let entry = self.entries.remove(key);
        let answer = entry.as_ref().and_then(|entry| entry.answer.get());
        let bytes = answer.map_or(0, |answer| answer.body.len());
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let content_type = parts.headers.get(header::CONTENT_TYPE).cloned();
        // It is ours, and ends.
        let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
        Self {
            status: parts.status,
            content_type,
            body,
        }
    }

    fn respond(self, replayed: bool) -> Response {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = self.content_type {
            headers.insert(header::CONTENT_TYPE, content_type);
        }
        if replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        (self.status, headers, self.body).into_response()
    }
}

fn hash_of(parts: &Parts, body: &[u8]) -> Key {
    let mut request = format!("{} {}\n", parts.method, parts.uri).into_bytes();
    request.extend_from_slice(body);
    hash(&request)
}

fn hash(bytes: &[u8]) -> Key {
    let mut hash = [0; 32];
    let digest = digest(&SHA256, bytes);
    hash.iter_mut()
        .zip(digest.as_ref())
        .for_each(|(to, from)| *to = *from);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: StatusCode, bytes: usize) -> Answer {
        Answer {
            status,
            content_type: None,
            body: vec![0; bytes].into(),
        }
    }

    fn key(number: usize) -> Key {
        hash(&number.to_be_bytes())
    }

    fn keep(answers: &Answers, number: usize, answer: Answer) {
        let Ok(entry) = answers.entry(key(number), key(0)) else {
            panic!("the key is used");
        };
        entry.answer.set(answer.clone()).unwrap();
        answers.note(key(number), &answer);
    }

    #[test]
    fn no_more_answers_are_kept_than_there_is_room_for() {
        let answers = Answers::default();
        for number in 0..MAX_ANSWERS + 5 {
            keep(&answers, number, answer(StatusCode::OK, 1));
        }
        assert!(answers.lock().entries.len() <= MAX_ANSWERS + 1);
        for number in 0..10 {
            keep(
                &answers,
                MAX_ANSWERS + 5 + number,
                answer(StatusCode::OK, MAX_BYTES / 4),
            );
        }
        let kept = answers.lock();
        assert!(kept.bytes <= MAX_BYTES, "{}", kept.bytes);
        assert_eq!(kept.order.len(), kept.entries.len());
    }

    #[test]
    fn what_failed_is_tried_again() {
        let answers = Answers::default();
        keep(&answers, 1, answer(StatusCode::SERVICE_UNAVAILABLE, 9));
        keep(&answers, 2, answer(StatusCode::NOT_FOUND, 9));
        let kept = answers.lock();
        assert!(!kept.entries.contains_key(&key(1)));
        assert!(kept.entries.contains_key(&key(2)));
        assert_eq!(kept.bytes, 9);
    }
}
