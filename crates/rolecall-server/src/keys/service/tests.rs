use rolecall_core::{AccessClaims, Audience, SubjectKind};

use super::*;
use crate::{Embedded, config::SigningAlgorithm, store::read_head};

async fn open(algorithm: SigningAlgorithm) -> Embedded {
    let builder = Embedded::builder("sqlite::memory:").algorithm(algorithm);
    builder.open().await.unwrap()
}

async fn token(server: &Embedded) -> String {
    let app = server.app();
    let head = read_head(&mut app.store().read().await.unwrap()).await;
    let (head, now) = (head.unwrap(), app.now().seconds());
    let claims = AccessClaims {
        iss: app.settings().issuer.clone(),
        sub: "u1".to_owned(),
        subject_kind: SubjectKind::User,
        aud: Audience::One(app.settings().audience.clone()),
        client_id: "rolecall".to_owned(),
        iat: now,
        exp: now + 600,
        jti: "j1".to_owned(),
        sid: None,
        auth_time: None,
        acr: None,
        amr: Vec::new(),
        step_up: Vec::new(),
        username: "alice".to_owned(),
        roles: Vec::new(),
        scope: Some(String::new()),
        tenant: None,
        global: None,
        narrowed: false,
        rev: head.revision,
        era: head.era,
        other: serde_json::Map::new(),
    };
    app.parts().keys.signing().key.sign(&claims).unwrap()
}

#[tokio::test]
async fn x009_the_process_that_retires_a_key_refuses_its_tokens_before_it_returns() {
    for algorithm in [SigningAlgorithm::Es256, SigningAlgorithm::Hs256] {
        let server = open(algorithm).await;
        let (app, guard) = (server.app(), server.guard());
        let token = token(&server).await;
        // once more, from the cache
        for _ in 0..2 {
            guard.verify(&token).unwrap();
        }
        let kid = app.parts().keys.signing().key.kid().unwrap().to_owned();
        retire(app, Caller::System, &kid).await.unwrap();
        guard.verify(&token).unwrap_err();
        assert_ne!(app.parts().keys.signing().key.kid(), Some(kid.as_str()));
        assert!(!public_set(app).to_string().contains(&kid));
        let again = retire(app, Caller::System, &kid).await;
        assert!(matches!(again, Err(ApiError::Unknown { .. })));
    }
}

#[tokio::test]
async fn a_slow_reader_does_not_bring_a_retired_key_back() {
    let server = open(SigningAlgorithm::Es256).await;
    let app = server.app();
    let token = token(&server).await;
    let mut conn = app.store().read().await.unwrap();
    let before = ring::read(&mut conn, &app.parts().masters).await.unwrap();
    drop(conn);
    let kid = app.parts().keys.signing().key.kid().unwrap().to_owned();
    retire(app, Caller::System, &kid).await.unwrap();
    app.parts().keys.replace(&app.parts().live, before);
    server.guard().verify(&token).unwrap_err();
}
