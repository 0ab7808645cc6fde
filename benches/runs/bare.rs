//! The control of requests: a bare hyper handler in a process of its own, which answers the same bytes
//! and keeps nothing. With a model server it makes the same call first, over a connection it keeps.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;

use crate::Outcome;
use crate::load::{Connection, post};
use crate::process::Process;

/// What makes this program the control: `bare STATUS BODY [MODELS]`.
pub const WORD: &str = "bare";

/// Connections that may wait to be accepted, as in howdah.
const BACKLOG: u32 = 4_096;

/// A chat completion, as short as they are.
const CALL: &str =
    r#"{"model":"m","stream":false,"messages":[{"role":"user","content":"sim: say \"outage\""}]}"#;

/// A running control.
pub struct Bare {
    /// Its process.
    pub process: Process,
    /// Where it answers.
    pub addr: SocketAddr,
}

impl Bare {
    /// Starts a control that answers this, after a call to the model server if there is one.
    pub fn start(status: u16, body: &str, models: Option<SocketAddr>) -> Outcome<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([WORD, &status.to_string(), body]);
        command.args(models.map(|addr| addr.to_string()));
        let mut process = Process::start(&mut command)?;
        let addr = *process.addresses(1)?.first().ok_or("no address")?;
        Ok(Self { process, addr })
    }
}

/// What every request is answered.
struct Told {
    status: StatusCode,
    body: Bytes,
    models: Option<SocketAddr>,
}

/// Is the control, until it is killed.
pub fn serve(words: &[String]) -> Outcome {
    let [status, body, models @ ..] = words else { return Err("`bare` needs a status and a body".into()) };
    let told = Told {
        status: status.parse()?,
        body: body.clone().into(),
        models: models.first().map(|addr| addr.parse()).transpose()?,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
        let listener = socket.listen(BACKLOG)?;
        println!("http://{}", listener.local_addr()?);
        let told = Arc::new(told);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(connection(stream, told.clone()));
        }
    })
}

async fn connection(stream: TcpStream, told: Arc<Told>) {
    // Without it the control would be slower, that is all.
    let _ = stream.set_nodelay(true);
    let model = Arc::new(Mutex::new(None));
    let service = service_fn(move |request| answer(request, told.clone(), model.clone()));
    // A client that leaves ends its connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    told: Arc<Told>,
    model: Arc<Mutex<Option<Connection>>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let received = request.into_body().collect().await.is_ok();
    let called = match told.models {
        Some(addr) => call(addr, &mut *model.lock().await).await.is_ok(),
        None => true,
    };
    let status = if received && called { told.status } else { StatusCode::BAD_GATEWAY };
    let mut response = Response::new(Full::new(told.body.clone()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// Asks the model over this connection, which is made when there is none.
async fn call(addr: SocketAddr, connection: &mut Option<Connection>) -> Outcome {
    let connection = match connection {
        Some(connection) => connection,
        None => connection.insert(Connection::open(addr).await?),
    };
    connection.exchange(&post("/v1/chat/completions", CALL)).await?.expect(200)?;
    Ok(())
}
