"""Writes optimizers.json beside this file: what PyTorch's optimizers do in float64.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch numpy
    /tmp/fixtures/bin/python test/unit/training/make-optimizers.py

The output is committed, so that no test needs Python. Learning rates change from step to step by
`rates`; gradients span five orders of magnitude and are rounded to float32.
"""
import json
from pathlib import Path

import torch
from torch.optim import SGD, Adam, AdamW, RMSprop

INITIAL = [0.5, -1.25, 0.03125, 2.0, -0.0078125, 0.75]
RATES = [1, 1, 0.5, 0.5, 0.25, 2]
torch.manual_seed(7)
SCALES = torch.tensor([1, 0.1, 1e-3, 3, 1e-5, 0.5], dtype=torch.float64)
GRADIENTS = (torch.randn(len(RATES), len(INITIAL), dtype=torch.float64) * SCALES).float().tolist()

OPTIMIZERS = {'sgd': SGD, 'adam': Adam, 'adamw': AdamW, 'rmsprop': RMSprop}
KEYS = {'learningRate': 'lr', 'weightDecay': 'weight_decay', 'epsilon': 'eps'}
CASES = [
    ('sgd', {}),
    ('sgd', {'learningRate': 0.1}),
    ('sgd', {'learningRate': 0.1, 'weightDecay': 0.05}),
    ('sgd', {'learningRate': 0.1, 'momentum': 0.9}),
    ('sgd', {'learningRate': 0.1, 'momentum': 0.9, 'dampening': 0.3}),
    ('sgd', {'learningRate': 0.1, 'momentum': 0.8, 'nesterov': True}),
    ('sgd', {'learningRate': 0.1, 'momentum': 0.8, 'nesterov': True, 'weightDecay': 0.02}),
    ('sgd', {'learningRate': 0.1, 'momentum': 0.5, 'dampening': 0.5, 'weightDecay': 0.02}),
    ('adam', {}),
    ('adam', {'learningRate': 0.05, 'betas': [0.8, 0.95]}),
    ('adam', {'learningRate': 0.05, 'weightDecay': 0.1}),
    ('adam', {'learningRate': 0.05, 'epsilon': 1e-3}),
    ('adam', {'learningRate': 0.05, 'betas': [0.0, 0.9]}),
    ('adam', {'learningRate': 0.05, 'betas': [0.99, 0.9999]}),
    ('adamw', {}),
    ('adamw', {'learningRate': 0.05, 'weightDecay': 0.2}),
    ('adamw', {'learningRate': 0.05, 'weightDecay': 0, 'betas': [0.7, 0.9], 'epsilon': 1e-6}),
    ('rmsprop', {}),
    ('rmsprop', {'learningRate': 0.02, 'alpha': 0.9}),
    ('rmsprop', {'learningRate': 0.02, 'weightDecay': 0.1}),
    ('rmsprop', {'learningRate': 0.02, 'momentum': 0.9}),
    ('rmsprop', {'learningRate': 0.02, 'centered': True}),
    ('rmsprop', {'learningRate': 0.02, 'alpha': 0.8, 'momentum': 0.7, 'centered': True,
                 'weightDecay': 0.05, 'epsilon': 1e-5}),
]


def parameter(values, gradient=None):
    result = torch.nn.Parameter(torch.tensor(values, dtype=torch.float64))
    if gradient is not None:
        result.grad = torch.tensor(gradient, dtype=torch.float64)
    return result


def trajectory(name, options):
    given = {KEYS.get(key, key): tuple(value) if isinstance(value, list) else value
             for key, value in options.items()}
    weights = parameter(INITIAL)
    optimizer = OPTIMIZERS[name]([weights], **given)
    base = optimizer.param_groups[0]['lr']
    steps = []
    for gradient, rate in zip(GRADIENTS, RATES):
        optimizer.param_groups[0]['lr'] = base * rate
        weights.grad = torch.tensor(gradient, dtype=torch.float64)
        optimizer.step()
        steps.append(weights.detach().tolist())
    return {'optimizer': name, 'options': options, 'parameters': steps}


def clipped(options):
    first, second = (parameter([0.0] * 3, part) for part in (GRADIENTS[0][:3], GRADIENTS[0][3:]))
    if 'clipNorm' in options:
        torch.nn.utils.clip_grad_norm_([first, second], options['clipNorm'])
    else:
        torch.nn.utils.clip_grad_value_([first, second], options['clipValue'])
    return {'options': options, 'gradients': first.grad.tolist() + second.grad.tolist()}


if __name__ == '__main__':
    Path(__file__).with_name('optimizers.json').write_text(json.dumps({
        'source': f'torch-{torch.__version__.split("+")[0]}',
        'initial': INITIAL,
        'gradients': GRADIENTS,
        'rates': RATES,
        'cases': [trajectory(name, options) for name, options in CASES],
        'clipping': [clipped(o) for o in ({'clipNorm': 0.5}, {'clipNorm': 100.0}, {'clipValue': 0.2})],
    }, indent=1) + '\n')
