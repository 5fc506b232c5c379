"""The networks of the stories, as network files."""

ONE_SITE = """
network: small
domains: [{name: nation, kind: national}]
sites:
  - name: center
    domains: [nation]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""

TWO_SITES = """
network: pair
domains: [{name: nation, kind: national}]
sites:
  - name: left
    domains: [nation]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
  - name: right
    domains: [nation]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""

TWO_TIERS = """
network: tiers
domains:
  - {name: nation, kind: national}
  - {name: region, kind: regional, parent: nation}
sites:
  - name: center
    domains: [region]
    clusters:
      - name: main
        pools: [{name: cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""

COUNTRY = """
network: country
domains:
  - {name: nation, kind: national}
  - {name: region-a, kind: regional, parent: nation}
  - {name: region-b, kind: regional, parent: nation}
  - {name: works, kind: industry, parent: region-b}
sites:
  - name: site-a
    domains: [region-a]
    clusters:
      - name: main
        pools:
          - {name: a-cpu, emulated: true, hosts: 1, cpu: 4, memory: 8GiB}
  - name: site-b
    domains: [region-b]
    clusters:
      - name: main
        pools:
          - {name: b-npu, emulated: true, hosts: 1, cpu: 8, memory: 16GiB, devices: 2,
             device_model: huawei-ascend-910b}
  - name: shared
    domains: [region-a, works]
    clusters:
      - name: main
        pools:
          - {name: s-gpu, emulated: true, hosts: 3, cpu: 8, memory: 16GiB, devices: 1,
             device_model: nvidia-l20}
"""
"""`shared` belongs to one region and to an industry node under the other region."""

TWO_REGIONS = """
network: regions
domains:
  - {name: nation, kind: national}
  - {name: east, kind: regional, parent: nation}
  - {name: west, kind: regional, parent: nation}
sites:
  - name: harbor
    domains: [east]
    clusters:
      - name: main
        pools: [{name: e-cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
  - name: valley
    domains: [west]
    clusters:
      - name: main
        pools: [{name: w-cpu, emulated: true, hosts: 1, cpu: 2, memory: 2GiB}]
"""
