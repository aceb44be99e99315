use super::{
    tls::{Change, Files},
    *,
};
use crate::health::Health;
use http_body_util::{BodyExt, Full};
use hyper::{Version, client::conn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prometheus_client::{encoding::text, registry::Registry};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
    date_time_ymd,
};
use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{fs, path::Path, time::SystemTime};
use tempfile::TempDir;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::Notify,
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// A CA on its own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Authority(CertifiedIssuer::self_signed(params, key).expect("a CA"))
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::default();
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate").pem();
        Pair { certificate, key: key.serialize_pem() }
    }

    fn server(&self) -> Pair {
        self.issue(|it| it.subject_alt_names = vec![SanType::DnsName("localhost".try_into().expect("a name"))])
    }

    fn client(&self, name: &str) -> Pair {
        self.issue(|it| {
            it.distinguished_name.push(DnType::CommonName, name);
            it.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        })
    }
}

/// A certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// A door on a free port, whose handler answers with the client's name. `/wait` waits to be told.
struct World {
    servers: Authority,
    clients: Authority,
    folder: TempDir,
    reloader: Arc<Reloader>,
    address: SocketAddr,
    stop: CancellationToken,
    gate: Arc<Notify>,
    waiting: Arc<Notify>,
    registry: Registry,
    run: JoinSet<Result<(), Cut>>,
    /// The clients' ends of connections.
    lives: JoinSet<hyper::Result<()>>,
}

impl World {
    async fn new(options: Options) -> World {
        let (servers, clients) = (Authority::new("servers"), Authority::new("clients"));
        let folder = TempDir::new().expect("a folder");
        write(folder.path(), &servers.server(), &clients.pem());
        let mut registry = Registry::default();
        let metrics = Metrics::register(&mut registry).door("webhook");
        let reloader = Arc::new(Reloader::load(files(folder.path()), metrics.clone()).expect("certificates"));
        let local = "127.0.0.1:0".parse().expect("an address");
        let bound = bind(local, Guard::Mutual(Arc::clone(&reloader)), options, metrics).await.expect("a port");
        let (address, stop) = (bound.address(), CancellationToken::new());
        let (gate, waiting) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (opens, begun) = (Arc::clone(&gate), Arc::clone(&waiting));
        let handler = move |request: Request<Incoming>, peer: Arc<str>| {
            let (opens, begun) = (Arc::clone(&opens), Arc::clone(&begun));
            async move {
                match request.uri().path() {
                    "/wait" => {
                        begun.notify_one();
                        opens.notified().await;
                    }
                    "/length" => {
                        let body = request.into_body().collect().await.expect("a body").to_bytes();
                        return Response::new(Full::new(body.len().to_string().into()));
                    }
                    _ => {}
                }
                Response::new(Full::new(Bytes::from(peer.to_string())))
            }
        };
        let mut run = JoinSet::new();
        run.spawn(bound.run(handler, stop.clone()));
        let lives = JoinSet::new();
        World { servers, clients, folder, reloader, address, stop, gate, waiting, registry, run, lives }
    }

    fn apiserver(&self, alpn: &str) -> ClientConfig {
        self.client(Some(self.clients.client("kube-apiserver")), alpn)
    }

    fn client(&self, pair: Option<Pair>, alpn: &str) -> ClientConfig {
        self.client_of(rustls::DEFAULT_VERSIONS, pair, alpn)
    }

    fn client_of(
        &self,
        versions: &[&'static SupportedProtocolVersion],
        pair: Option<Pair>,
        alpn: &str,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(self.servers.0.der().clone()).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match pair {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = vec![CertificateDer::from_pem_slice(pair.certificate.as_bytes()).expect("PEM")];
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("a key")
            }
        };
        config.alpn_protocols = vec![alpn.into()];
        config
    }

    async fn tls(&self, config: ClientConfig) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = "localhost".try_into().expect("a name");
        TlsConnector::from(Arc::new(config)).connect(name, stream).await
    }

    async fn connect(&mut self, config: ClientConfig) -> Client {
        let stream = self.tls(config).await.expect("a handshake");
        Client::over(stream, &mut self.lives).await
    }

    /// What such a client is told when it tries to speak.
    async fn refusal(&self, config: ClientConfig) -> String {
        let told = async {
            // Over TLS 1.3 the client is done before the server has looked at its certificate.
            let mut stream = self.tls(config).await?;
            stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
            stream.read_to_end(&mut Vec::new()).await
        };
        told.await.expect_err("a refusal").to_string()
    }

    /// The lines of the metrics page that begin so, and are not 0.
    fn counted(&self, start: &str) -> Vec<String> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry).expect("metrics");
        let mut lines: Vec<_> =
            page.lines().filter(|it| it.starts_with(start) && !it.ends_with(" 0")).map(str::to_owned).collect();
        lines.sort();
        lines
    }

    fn refused(&self) -> Vec<String> {
        let causes = self.counted("connections_refused_total");
        causes.iter().map(|it| it.split('"').nth(3).expect("a cause").to_owned()).collect()
    }

    /// How the door ended after its stop.
    async fn ended(&mut self) -> Result<(), Cut> {
        soon(self.run.join_next()).await.expect("a door").expect("no panic")
    }

    /// Waits until the server has said goodbye on all connections.
    async fn left(&mut self) {
        while let Some(end) = soon(self.lives.join_next()).await {
            end.expect("no panic").expect("good order");
        }
    }
}

/// An HTTP connection of a client.
enum Client {
    One(conn::http1::SendRequest<Full<Bytes>>),
    Two(conn::http2::SendRequest<Full<Bytes>>),
}

impl Client {
    async fn over(stream: TlsStream<TcpStream>, lives: &mut JoinSet<hyper::Result<()>>) -> Client {
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
            let (client, life) = conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("h2");
            lives.spawn(life);
            Client::Two(client)
        } else {
            let (client, life) = conn::http1::handshake(TokioIo::new(stream)).await.expect("http/1.1");
            lives.spawn(life);
            Client::One(client)
        }
    }

    async fn ask(&mut self, path: &str) -> hyper::Result<(Version, String)> {
        self.post(path, Bytes::new()).await
    }

    async fn post(&mut self, path: &str, body: Bytes) -> hyper::Result<(Version, String)> {
        let uri = format!("https://localhost{path}");
        let request = Request::post(uri).header("host", "localhost").body(Full::new(body)).expect("a request");
        let response = match self {
            Client::One(client) => {
                client.ready().await?;
                client.send_request(request).await?
            }
            Client::Two(client) => {
                client.ready().await?;
                client.send_request(request).await?
            }
        };
        let version = response.version();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((version, String::from_utf8(body.into()).expect("text")))
    }
}

fn write(folder: &Path, server: &Pair, client_ca: &str) {
    fs::write(folder.join("tls.crt"), &server.certificate).expect("a file");
    fs::write(folder.join("tls.key"), &server.key).expect("a file");
    fs::write(folder.join("ca.crt"), client_ca).expect("a file");
}

fn files(folder: &Path) -> Files {
    Files {
        certificate: folder.join("tls.crt"),
        key: folder.join("tls.key"),
        client_ca: folder.join("ca.crt"),
        client_names: vec!["kube-apiserver".into()],
    }
}

fn quick() -> Options {
    Options { handshake: MOMENT, head: MOMENT, ..Options::default() }
}

/// Everything until the peer ends it.
async fn rest(mut stream: impl AsyncRead + Unpin) -> String {
    let mut bytes = Vec::new();
    // An end without goodbye is an error of TLS, and an end all the same.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    String::from_utf8(bytes).expect("text")
}

/// A promise that is not kept should fail, not wait.
async fn soon<F: Future>(future: F) -> F::Output {
    time::timeout(Duration::from_secs(20), future).await.expect("in time")
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.expect("written");
    stream.flush().await.expect("written");
}

const MOMENT: Duration = Duration::from_millis(150);

mod clients;
mod endings;
mod reload;
