//! The client: fills a request, sends it, and hands back an answer that is read within limits.

use std::fmt;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use url::Url;

use super::error::{self, Class, NetError, Sent, Wait};
use super::policy;
use super::request::{Request, fill};
use super::response::{Reading, Response};
use crate::secret::Secrets;

/// What a client is made of.
#[derive(Clone, Debug)]
pub struct NetOptions {
    /// The secrets that requests name.
    pub secrets: Secrets,
    /// How long a connection may take to be made.
    pub connect: Duration,
}

impl Default for NetOptions {
    /// No secrets, 10 s.
    fn default() -> Self {
        Self { secrets: Secrets::default(), connect: Duration::from_secs(10) }
    }
}

/// The outbound HTTP client. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    options: NetOptions,
    /// Built when first needed: reading the certificates of the system takes a moment, and a machine
    /// without them can still talk to itself.
    routes: [OnceLock<Result<reqwest::Client, String>>; 3],
}

/// The ways out, which differ in certificates and proxies.
#[derive(Clone, Copy)]
enum Route {
    /// `http` to this machine: neither.
    LoopbackPlain,
    /// `https` to this machine: certificates of the system, no proxy.
    LoopbackTls,
    /// To others: certificates of the system, proxies of the environment.
    Outside,
}

impl Client {
    /// A client with these options.
    pub fn new(options: NetOptions) -> Self {
        Self { shared: Arc::new(Shared { options, routes: Default::default() }) }
    }

    /// The secrets that requests are filled from.
    pub fn secrets(&self) -> &Secrets {
        &self.shared.options.secrets
    }

    /// Sends a request and waits for the headers of the answer, whatever its status. Dropping the
    /// future, or the answer, closes the connection.
    ///
    /// # Errors
    /// When the request cannot be sent, may not be, or gets no answer in time.
    pub async fn send(&self, request: Request) -> Result<Response, NetError> {
        let Shared { options, .. } = &*self.shared;
        let started = Instant::now();
        let filled = fill(&request, &options.secrets)?;
        let host = options.secrets.redact(&host_and_port(&filled.url));
        let client = self.route(&filled.url)?;
        let sending =
            client.request(request.method, filled.url).headers(filled.headers).body(filled.body).send();
        let limits = request.limits;
        let deadline = started + limits.total;
        let first_byte = started + limits.first_byte;
        let response = match timeout_at(first_byte.min(deadline), sending).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let mut error = error::classify(&error, options.connect, &host);
                error.message = options.secrets.redact(&error.message);
                return Err(error);
            }
            Err(_) if first_byte < deadline => {
                return Err(error::timeout(Wait::FirstByte, limits.first_byte, &host));
            }
            Err(_) => return Err(error::timeout(Wait::Total, limits.total, &host)),
        };
        let secrets = options.secrets.clone();
        let reading = Reading { host, limits, deadline, connect: options.connect, secrets, read: 0 };
        Ok(Response::new(response, reading))
    }

    /// The connection pool for this URL.
    fn route(&self, url: &Url) -> Result<&reqwest::Client, NetError> {
        let route = match (policy::is_loopback(url), url.scheme()) {
            (true, "http") => Route::LoopbackPlain,
            (true, _) => Route::LoopbackTls,
            (false, _) => Route::Outside,
        };
        let built = self.shared.routes[route as usize].get_or_init(|| build(route, &self.shared.options));
        built.as_ref().map_err(|cause| {
            let message = format!(
                "no secure connections can be made: {cause}; install the system's CA certificates \
                 (package `ca-certificates`)"
            );
            NetError::new(Class::Tls, Sent::Nothing, message)
        })
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.shared.options).finish_non_exhaustive()
    }
}

fn build(route: Route, options: &NetOptions) -> Result<reqwest::Client, String> {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        // An error means that somebody else installed one first, which serves as well.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
    let builder = reqwest::Client::builder()
        .user_agent(concat!("howdah/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect)
        .pool_idle_timeout(Duration::from_secs(30));
    let builder = match route {
        Route::LoopbackPlain => builder.no_proxy().tls_certs_only([]),
        Route::LoopbackTls => builder.no_proxy(),
        Route::Outside => builder,
    };
    builder.build().map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        cause.to_string()
    })
}

/// How errors name a server.
fn host_and_port(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port_or_known_default() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use base64::Engine as _;
    use reqwest::Method;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::net::Limits;
    use crate::secret::{Secret, placeholder};

    /// A server that writes these bytes to everybody and then waits to be left, or leaves.
    async fn serve(answer: Vec<u8>, then: Then) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                stream.read_buf(&mut request).await.unwrap();
                stream.write_all(&answer).await.unwrap();
                if then == Then::Wait {
                    // Ends when the client leaves, in whichever way.
                    let _ = stream.read_to_end(&mut request).await;
                }
            }
        });
        format!("http://{address}/x")
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Then {
        Wait,
        Leave,
    }

    fn limits() -> Limits {
        Limits { max_body: 1000, ..Limits::default() }
    }

    async fn get(url: &str, limits: Limits) -> Result<bytes::Bytes, NetError> {
        let request = Request { limits, ..Request::new(Method::GET, url) };
        Client::new(NetOptions::default()).send(request).await?.bytes().await
    }

    async fn fails(answer: &[u8], then: Then) -> NetError {
        get(&serve(answer.to_vec(), then).await, limits()).await.unwrap_err()
    }

    #[tokio::test]
    async fn every_wait_ends_and_says_which_it_was() {
        let first = Limits { first_byte: Duration::from_millis(30), ..limits() };
        let silent = get(&serve(Vec::new(), Then::Wait).await, first).await.unwrap_err();
        assert_eq!((silent.class, silent.sent), (Class::Timeout(Wait::FirstByte), Sent::Perhaps));
        let url = serve(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab".to_vec(), Then::Wait).await;
        let idle = Limits { idle: Duration::from_millis(30), ..limits() };
        let idle = get(&url, idle).await.unwrap_err();
        assert_eq!(idle.class, Class::Timeout(Wait::Idle));
        assert!(idle.message.ends_with("began to answer and then sent nothing for 30ms"), "{idle}");
        let total = Limits { total: Duration::from_millis(400), ..Limits::default() };
        assert_eq!(get(&url, total).await.unwrap_err().class, Class::Timeout(Wait::Total));
    }

    #[tokio::test]
    async fn a_broken_answer_is_told_from_none_at_all() {
        let reset = fails(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab", Then::Leave).await;
        assert_eq!((reset.class, reset.sent), (Class::Reset, Sent::Perhaps));
        assert_eq!(fails(b"", Then::Leave).await.class, Class::Reset);
        assert_eq!(fails(b"SSH-2.0-x\r\n\r\n", Then::Leave).await.class, Class::Protocol);

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = get(&format!("http://{address}/"), limits()).await.unwrap_err();
        assert_eq!((refused.class, refused.sent), (Class::Connect, Sent::Nothing));
        assert!(refused.message.contains(&format!("`{address}`")), "{}", refused.message);
    }

    #[tokio::test]
    async fn a_body_is_counted_after_decompression() {
        // 64 KiB of zeros in 96 bytes.
        let bomb = "H4sIAAAAAAAC/+3BAQEAAACAkP6v7ggKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
                    AAAAAAAAAAAAAAAAauuOl9cAAAEA";
        let bomb = base64::engine::general_purpose::STANDARD.decode(bomb).unwrap();
        let mut answer = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 96\r\n\r\n".to_vec();
        answer.extend(bomb);
        let url = serve(answer.clone(), Then::Leave).await;
        assert_eq!(get(&url, Limits::default()).await.unwrap().len(), 65536);
        assert_eq!(fails(&answer, Then::Leave).await.class, Class::TooLarge);
        assert_eq!(
            fails(b"HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n", Then::Wait).await.class,
            Class::TooLarge
        );
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer() {
        let url = serve(
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec(),
            Then::Leave,
        )
        .await;
        let response = Client::new(NetOptions::default()).send(Request::new(Method::GET, url)).await.unwrap();
        assert_eq!((response.status, response.headers.get("location")), (302, Some("http://127.0.0.1:1/")));
    }

    #[tokio::test]
    async fn no_error_holds_a_secret() {
        let secrets =
            Secrets::new(BTreeMap::from([("HOST".to_owned(), Secret::new("secret-host.localhost"))]));
        let client = Client::new(NetOptions { secrets, ..NetOptions::default() });
        let url = format!("http://{}:1/", placeholder("HOST"));
        let error = client.send(Request::new(Method::GET, url)).await.unwrap_err();
        assert!(error.message.contains("[secret HOST]") && !error.message.contains("secret-host"), "{error}");
        assert_eq!(error.sent, Sent::Nothing);
    }
}
