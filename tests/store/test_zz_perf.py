import sys, importlib.util
async def test_x(postgres_url):
    spec=importlib.util.spec_from_file_location("p","/tmp/perf/p.py"); m=importlib.util.module_from_spec(spec)
    src=open("/tmp/perf/p.py").read().split("p='/tmp/perf/a.db'")[0]
    exec(compile(src,"p","exec"), m.__dict__)
    await m.main(postgres_url)
