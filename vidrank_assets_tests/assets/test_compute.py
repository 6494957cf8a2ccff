from vidrank_assets.assets.compute import PLACEMENTS


def test_what_runs_on_a_gpu_waits_in_the_pool_and_asks_kubernetes_for_one():
    placement = PLACEMENTS["gpu"]
    assert placement.pool == "gpu"
    limits = placement.op_tags["dagster-k8s/config"]["container_config"]["resources"]["limits"]
    assert limits == {"nvidia.com/gpu": "1"}


def test_what_runs_on_a_cpu_waits_for_nobody():
    assert PLACEMENTS["cpu"] == (None, {})
