//! The public URL of an embedded server.

use rolecall_server::{Embedded, StartError};

use crate::support::CHEAP;

async fn open(url: &str, insecure: bool) -> Result<Embedded, StartError> {
    let builder = Embedded::builder("sqlite::memory:").hashing(CHEAP);
    let builder = builder.public_url(url);
    if insecure {
        builder.insecure_http().open().await
    } else {
        builder.open().await
    }
}

#[tokio::test]
async fn an_address_that_clients_could_not_use_is_refused_as_in_the_configuration() {
    for url in [
        "",
        "app.example",
        "localhost:8000",
        "ftp://app.example",
        "https://",
        "https://app.example?x=1",
        "https://app.example/#top",
        "https://user:canary@app.example",
    ] {
        for insecure in [false, true] {
            let refused = open(url, insecure).await.err().unwrap();
            assert!(
                matches!(refused, StartError::PublicUrl(_)),
                "{url}: {refused}"
            );
            assert!(
                refused
                    .to_string()
                    .contains("such as `https://login.example.com`"),
                "{refused}"
            );
        }
    }
    for url in [
        "http://app.example",
        "http://192.168.1.5:8000",
        "http://0.0.0.0:8000/auth",
    ] {
        let refused = open(url, false).await.err().unwrap().to_string();
        for part in [
            url,
            "unencrypted",
            "`.public_url(\"https://...\")`",
            "`.insecure_http()`",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        open(url, true).await.unwrap();
    }
    for url in [
        "https://app.example",
        "https://app.example/auth/",
        "http://localhost:8000",
        "http://app.localhost:8000",
        "http://127.0.0.1:8000/auth",
        "http://[::1]:8000",
    ] {
        open(url, false).await.unwrap();
    }
}
