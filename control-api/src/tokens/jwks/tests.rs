use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
};
use axum::Router;
use axum::http::{HeaderMap, header};
use axum::response::Redirect;
use axum::routing::get;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use databases::Database;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tokio::time::{advance, pause};

use super::*;
use crate::tokens::request::TokenRequest;
use crate::tokens::session::{Session, SignedBy, Unknown, User};

/// A key of the app, and its public half.
struct Signer {
    id: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
    public: Value,
}

/// What precedes the key itself in PKCS #8 of an RSA key of 2048 bits.
const PKCS8_HEAD: usize = 26;

fn base64(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    fn ecdsa(id: &'static str) -> Self {
        let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let made = EcdsaKeyPair::generate_pkcs8(kind, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, made.as_ref()).unwrap();
        // An uncompressed point (SEC 1 section 2.3.3).
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        Self {
            id,
            algorithm: Algorithm::ES256,
            key: EncodingKey::from_ec_der(made.as_ref()),
            public: json!({"kty": "EC", "crv": "P-256", "kid": id, "x": base64(x), "y": base64(y)}),
        }
    }

    fn ed25519(id: &'static str) -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pair = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        let x = base64(pair.public_key().as_ref());
        Self {
            id,
            algorithm: Algorithm::EdDSA,
            key: EncodingKey::from_ed_der(made.as_ref()),
            public: json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": x}),
        }
    }

    fn rsa(id: &'static str, algorithm: Algorithm) -> Self {
        let made = aws_lc_rs::rsa::KeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = made.as_der().unwrap();
        let public = made.public_key();
        let n = base64(public.modulus().big_endian_without_leading_zero());
        let e = base64(public.exponent().big_endian_without_leading_zero());
        Self {
            id,
            algorithm,
            key: EncodingKey::from_rsa_der(&der.as_ref()[PKCS8_HEAD..]),
            public: json!({"kty": "RSA", "kid": id, "use": "sig", "n": n, "e": e}),
        }
    }

    fn sign(&self, claims: &Value) -> String {
        let mut head = Header::new(self.algorithm);
        head.kid = Some(self.id.to_owned());
        encode(&head, claims, &self.key).unwrap()
    }
}

fn set(signers: &[&Signer]) -> Value {
    let keys: Vec<_> = signers.iter().map(|signer| signer.public.clone()).collect();
    json!({"keys": keys})
}

fn claims() -> Value {
    json!({"sub": "alice", "exp": 4_000_000_000_u64, "iss": "https://id.example", "aud": ["calls", "mail"]})
}

/// A folder with a file of keys.
struct KeyFile {
    path: PathBuf,
    _folder: Database,
}

impl KeyFile {
    fn new(said: &Value) -> Self {
        let folder = databases::sqlite();
        let path = PathBuf::from(folder.url.trim_start_matches("sqlite://")).with_extension("jwks");
        let file = Self {
            path,
            _folder: folder,
        };
        file.write(said);
        file
    }

    fn write(&self, said: &Value) {
        std::fs::write(&self.path, said.to_string()).unwrap();
    }

    fn session(&self) -> Session {
        session(KeySet::in_file(&self.path), None)
    }
}

fn session(keys: KeySet, audience: Option<&str>) -> Session {
    Session::Keys(SignedBy {
        keys,
        issuer: audience.map(|_| "https://id.example".to_owned()),
        audience: audience.map(str::to_owned),
    })
}

async fn ask(session: &Session, token: &str) -> Result<User, Unknown> {
    let mut headers = HeaderMap::new();
    let shown = format!("Bearer {token}");
    headers.insert(header::AUTHORIZATION, shown.parse().unwrap());
    session.user(&headers, &TokenRequest::default()).await
}

#[tokio::test]
async fn sessions_of_every_kind_of_public_key_are_taken() {
    let signers = [
        Signer::ecdsa("ec"),
        Signer::ed25519("ed"),
        Signer::rsa("rs", Algorithm::RS256),
        Signer::rsa("ps", Algorithm::PS512),
    ];
    let file = KeyFile::new(&set(&signers.each_ref()));
    let session = file.session();
    for signer in &signers {
        let user = ask(&session, &signer.sign(&claims())).await.unwrap();
        assert_eq!(user.identity, "alice", "{}", signer.id);
    }
}

#[tokio::test]
async fn what_is_signed_otherwise_than_by_its_key_is_no_session() {
    let (ec, rsa) = (Signer::ecdsa("ec"), Signer::rsa("rs", Algorithm::RS256));
    let file = KeyFile::new(&set(&[&ec, &rsa]));
    let session = file.session();
    let mut confused = Header::new(Algorithm::HS256);
    confused.kid = Some("rs".to_owned());
    let modulus = rsa.public["n"].as_str().unwrap();
    let by_modulus = EncodingKey::from_secret(modulus.as_bytes());
    let stranger = Signer::ecdsa("ec");
    let good = ec.sign(&claims());
    let (head, rest) = good.split_once('.').unwrap();
    let (body, _) = rest.split_once('.').unwrap();
    let over = json!({"sub": "alice", "exp": 1_000_000_000});
    for token in [
        encode(&confused, &claims(), &by_modulus).unwrap(),
        stranger.sign(&claims()),
        Signer { id: "rs", ..ec }.sign(&claims()),
        rsa.sign(&over),
        rsa.sign(&json!({"sub": "alice"})),
        rsa.sign(&json!({"exp": 4_000_000_000_u64})),
        format!("{head}.{body}."),
        format!("eyJhbGciOiJub25lIn0.{body}."),
        "x".to_owned(),
        String::new(),
    ] {
        let refused = ask(&session, &token).await;
        assert_eq!(refused.unwrap_err(), Unknown::Refused, "{token}");
    }
}

#[tokio::test]
async fn only_sessions_of_the_issuer_and_for_the_audience_count() {
    let signer = Signer::ecdsa("ec");
    let file = KeyFile::new(&set(&[&signer]));
    let mine = session(KeySet::in_file(&file.path), Some("calls"));
    assert!(ask(&mine, &signer.sign(&claims())).await.is_ok());
    let end = 4_000_000_000_u64;
    for other in [
        json!({"sub": "a", "exp": end, "iss": "https://id.example", "aud": "mail"}),
        json!({"sub": "a", "exp": end, "iss": "https://id.example"}),
        json!({"sub": "a", "exp": end, "iss": "https://evil.example", "aud": "calls"}),
        json!({"sub": "a", "exp": end, "aud": "calls"}),
    ] {
        assert!(ask(&mine, &signer.sign(&other)).await.is_err(), "{other}");
    }
}

#[tokio::test]
async fn a_key_that_comes_later_is_found_and_one_that_is_withdrawn_ends() {
    let (old, new) = (Signer::ecdsa("old"), Signer::ecdsa("new"));
    let file = KeyFile::new(&set(&[&old]));
    let session = file.session();
    assert!(ask(&session, &old.sign(&claims())).await.is_ok());
    pause();
    file.write(&set(&[&new]));
    // Whoever makes up names has the keys read no oftener.
    assert!(ask(&session, &new.sign(&claims())).await.is_err());
    advance(AGAIN).await;
    assert!(ask(&session, &old.sign(&claims())).await.is_ok());
    assert!(ask(&session, &new.sign(&claims())).await.is_ok());
    assert!(ask(&session, &old.sign(&claims())).await.is_err());
}

#[tokio::test]
async fn keys_that_cannot_be_read_again_are_good_for_a_day() {
    let signer = Signer::ecdsa("ec");
    let file = KeyFile::new(&set(&[&signer]));
    let session = file.session();
    assert!(ask(&session, &signer.sign(&claims())).await.is_ok());
    pause();
    std::fs::remove_file(&file.path).unwrap();
    advance(2 * FRESH).await;
    assert!(ask(&session, &signer.sign(&claims())).await.is_ok());
    advance(STALE).await;
    let late = ask(&session, &signer.sign(&claims())).await;
    assert_eq!(late.unwrap_err(), Unknown::NoAnswer);
}

#[test]
fn what_is_no_public_key_to_check_with_is_left_out() {
    let mut encrypts = Signer::ecdsa("ec").public;
    encrypts["use"] = json!("enc");
    let secret = json!({"kty": "oct", "k": "AAAA", "kid": "a", "alg": "HS256"});
    let short = json!({"kty": "RSA", "n": "A".repeat(170), "e": "AQAB", "kid": "a"});
    for keys in [
        json!([]),
        json!([encrypts]),
        json!([secret]),
        json!([short]),
        json!([{"kty": "EC"}]),
        json!([7, null, "x"]),
    ] {
        let said = json!({"keys": keys}).to_string();
        assert!(parse(said.as_bytes()).is_err(), "{said}");
    }
    for said in ["", "[]", "{}", "{\"keys\": 7}"] {
        assert!(parse(said.as_bytes()).is_err(), "{said}");
    }
    let many = vec![Signer::ecdsa("ec").public; 2 * MAX_KEYS];
    let said = json!({"keys": many}).to_string();
    assert_eq!(parse(said.as_bytes()).unwrap().len(), MAX_KEYS);
}

#[test]
fn keys_are_read_where_nobody_can_put_one_in() {
    for url in [
        "https://id.example/jwks",
        "http://127.0.0.1:8000/jwks",
        "http://[::1]/jwks",
        "http://localhost/jwks",
    ] {
        assert!(check(url).is_ok(), "{url}");
    }
    for url in [
        "http://id.example/jwks",
        "http://10.0.0.1/jwks",
        "http://localhost.evil.example/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "jwks",
    ] {
        assert!(check(url).is_err(), "{url}");
    }
}

/// Serves keys at `/good`, and what is none at other paths; counts requests.
async fn serve(said: Value) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let text = said.to_string();
    let routes = Router::new()
        .route(
            "/good",
            get(async move || {
                count.fetch_add(1, Ordering::Relaxed);
                text
            }),
        )
        .route("/elsewhere", get(async || Redirect::temporary("/good")))
        .route("/endless", get(async || " ".repeat(MAX_ANSWER + 1)))
        .route("/html", get(async || "<html>"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}"), asked)
}

#[tokio::test]
async fn keys_at_an_address_are_read_once_for_all_who_ask_at_a_time() {
    let signer = Signer::ecdsa("ec");
    let (address, asked) = serve(set(&[&signer])).await;
    let good = session(KeySet::at_url(&format!("{address}/good")).unwrap(), None);
    let token = signer.sign(&claims());
    let all = (0..20).map(|_| ask(&good, &token));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok), "{all:?}");
    for number in 0..20 {
        let made_up = Signer::ecdsa(["a", "b"][number % 2]).sign(&claims());
        assert!(ask(&good, &made_up).await.is_err());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    for path in ["elsewhere", "endless", "html", "nothing"] {
        let bad = session(KeySet::at_url(&format!("{address}/{path}")).unwrap(), None);
        assert_eq!(
            ask(&bad, &token).await.unwrap_err(),
            Unknown::NoAnswer,
            "{path}"
        );
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
