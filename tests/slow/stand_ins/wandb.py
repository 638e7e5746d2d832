"""Stands in for Weights & Biases in processes that a test starts: says what would be logged."""


class Run:
    def log(self, figures):
        pass

    def finish(self):
        print("wandb: finished", flush=True)


def init(*, project, name, config):
    print(f"wandb: {project}/{name} with {len(config)} flags", flush=True)
    return Run()
