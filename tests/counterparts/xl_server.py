"""Real llama.cpp HTTP server from the `xllamacpp` wheel, bound to 127.0.0.1.
usage: xl_server.py MODEL.gguf PORT [--alias NAME] [--api-key KEY] [--template FILE] [--threads N] [--ctx N] [--slots N] [--prefix /path] [--ping S] [--predict N] [--embeddings]"""
import argparse, signal, xllamacpp as xlc
a = argparse.ArgumentParser(); a.add_argument("model"); a.add_argument("port", type=int)
for n, t, d in (("alias", str, "local"), ("api-key", str, None), ("template", str, None), ("threads", int, 1), ("ctx", int, 4096),
                ("slots", int, 2), ("prefix", str, ""), ("ping", int, 1), ("predict", int, -1), ("budget", int, None)): a.add_argument("--" + n, type=t, default=d)
a.add_argument("--embeddings", action="store_true")
o = a.parse_args()
p = xlc.CommonParams()
p.model.path = o.model; p.model_alias = {o.alias}
p.n_ctx = o.ctx; p.n_predict = o.predict; p.n_parallel = o.slots; p.cpuparams.n_threads = o.threads; p.cpuparams_batch.n_threads = o.threads
p.hostnames = ["127.0.0.1"]; p.port = o.port
p.endpoint_metrics = True; p.endpoint_slots = True; p.use_jinja = True
p.sse_ping_interval = o.ping; p.api_prefix = o.prefix
if o.api_key: p.api_keys = [o.api_key]
if o.template: p.chat_template = open(o.template).read()
if o.embeddings: p.embedding = True; p.pooling_type = xlc.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
if o.budget is not None: p.sampling.reasoning_budget_tokens = o.budget
s = xlc.Server(p)
print("listening", s.listening_address, flush=True)
signal.sigwait({signal.SIGTERM, signal.SIGINT})
