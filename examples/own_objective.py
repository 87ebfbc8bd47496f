"""An objective of one's own: how many layers a network has, which a search makes few.

`nas search --import own_objective --objectives depth,metric` searches by it; a budget may bound it
(`budget: {max: {depth: 8}}`), as it is known before training. Here it is asked of two networks.
"""

import nas
from blocks import Cost
from nas.search.objective import CountedNetwork


def depth(network: CountedNetwork) -> int:
    return sum(layer.repeat for layer in network.architecture.layers)


DEPTH = nas.register_objective(nas.Objective("depth", depth, unit="layers"))

if __name__ == "__main__":
    for name in ("mobilenet_v2", "shufflenet_v2_x0_5"):
        architecture = nas.load_architecture(name + ".yaml")
        print(name, DEPTH.of(CountedNetwork(architecture, Cost())))
