"""How far apart two sets of feature vectors are: any features, of any network.

    python examples/metrics.py real.npy generated.npy        # float arrays [N, D] and [M, D]
"""

import argparse

import numpy as np

import mdgen


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("real")
    p.add_argument("generated")
    args = p.parse_args()

    real, generated = np.load(args.real).astype(np.float64), np.load(args.generated).astype(np.float64)
    moments = [(x.mean(axis=0), np.cov(x, rowvar=False)) for x in (real, generated)]
    print(f"Fréchet distance        {mdgen.frechet_distance(*moments[0], *moments[1]):.4f}")
    one_class = [np.zeros(len(x), dtype=int) for x in (real, generated)]      # or whose image each row is
    kernel, error = mdgen.kernel_distance_stratified(real, generated, *one_class)
    print(f"kernel distance         {kernel:.5f} ± {error:.5f} (standard error)")
    print("precision, recall       {:.3f}, {:.3f}".format(*mdgen.precision_recall(real, generated)))
    print("density, coverage       {:.3f}, {:.3f}".format(*mdgen.density_coverage(real, generated)))


if __name__ == "__main__":
    main()
