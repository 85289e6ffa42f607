#!/usr/bin/env python3
"""Writes the parity cases and schedule tables under test/fixtures/ from PyTorch.

    python3 -m venv /tmp/fixtures && /tmp/fixtures/bin/pip install torch numpy safetensors
    /tmp/fixtures/bin/python scripts/make-fixtures.py            # rewrites test/fixtures/

The output is committed, so nothing else in the repository needs Python. Seeds are derived from the
case names: a second run with the same PyTorch on the same machine gives the same bytes.

Where the expected values come from. Every case runs in float64 and is then rounded to float32. Cells
that PyTorch has run as its own module; `Recurrent` below, a plain restatement of the formulas with
autograd, must agree with it to 1e-9 or nothing is written. The GRU whose reset gate comes before the
recurrent matmul is not in PyTorch: there `Recurrent` is the source, and it shares every line but one
with the GRU that was checked.

Where the tolerances come from. Each case runs again in float32, through PyTorch's module and through
`Recurrent` (another order of summation). With d the largest deviation from float64 seen in a tensor:
    atol = max(SAFETY * d, FLOOR_EPSILONS * 2^-23 * max|expected|, 1e-7), rounded up to 1, 2 or 5 * 10^k
    rtol = 1e-4 for outputs and loss histories, 3e-4 for gradients and trained parameters
"""
import json
import math
import shutil
import sys
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn

FIXTURES = Path(__file__).resolve().parent.parent / 'test' / 'fixtures'
SAFETY = 16
FLOOR_EPSILONS = 16
BUDGET_BYTES = 3_000_000


# ---- one time step per cell; w is {'ih', 'hh'}, b is {'ih', 'hh'} or None -------------------------

def affine(w, b, part, v):
    out = v @ w[part].T
    return out if b is None else out + b[part]


def rows(w, b, start, stop):
    return {k: v[start:stop] for k, v in w.items()}, b and {k: v[start:stop] for k, v in b.items()}


def step_rnn(activation):
    def step(w, b, x, h, c):
        return activation(affine(w, b, 'ih', x) + affine(w, b, 'hh', h)), c
    return step


def step_lstm(peepholes=False, input_forget=False, clip=None):
    bound = (lambda v: v) if clip is None else (lambda v: v.clamp(-clip, clip))

    def step(w, b, x, h, c):
        i, f, g, o = (affine(w, b, 'ih', x) + affine(w, b, 'hh', h)).chunk(4, -1)
        seen = w['peephole'].chunk(3) if peepholes else (0, 0, 0)
        i = torch.sigmoid(bound(i + seen[0] * c))
        f = 1 - i if input_forget else torch.sigmoid(bound(f + seen[1] * c))
        c = f * c + i * torch.tanh(bound(g))
        h = torch.sigmoid(bound(o + seen[2] * c)) * torch.tanh(c)
        return (h @ w['hr'].T if 'hr' in w else h), c
    return step


def step_gru(reset):
    def step(w, b, x, h, c):
        size = h.shape[-1]
        gates, candidate = rows(w, b, 0, 2 * size), rows(w, b, 2 * size, 3 * size)
        r, z = torch.sigmoid(affine(*gates, 'ih', x) + affine(*gates, 'hh', h)).chunk(2, -1)
        recurrent = r * affine(*candidate, 'hh', h) if reset == 'after' else affine(*candidate, 'hh', r * h)
        n = torch.tanh(affine(*candidate, 'ih', x) + recurrent)
        return (1 - z) * n + z * h, c
    return step


# Layer normalisation as haste's LayerNormLSTM and LayerNormGRU (lmnt-com/haste) have it, with a bias for each product.

def norm(v, w, part, bias=None):
    gain = w[part]
    out = nn.functional.layer_norm(v, gain.shape, gain, None, 1e-5)
    return out if bias is None else out + bias


def step_lstm_norm(w, b, x, h, c):
    b = b or {'ih': None, 'hh': None}
    v = norm(x @ w['ih'].T, w, 'norm_ih', b['ih']) + norm(h @ w['hh'].T, w, 'norm_hh', b['hh'])
    i, f, g, o = v.chunk(4, -1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(norm(c, w, 'norm_c', w['norm_c_bias'])), c


def step_gru_norm(reset):
    def step(w, b, x, h, c):
        b, size = b or {'ih': None, 'hh': None}, h.shape[-1]
        of_x = norm(x @ w['ih'].T, w, 'norm_ih', b['ih']).chunk(3, -1)
        products = [h @ w['hh'].T] if reset == 'after' else [h @ w['hh'][:2 * size].T]

        def recurrent(v, begin, end):
            part = {'gain': w['norm_hh'][begin * size:end * size]}
            return norm(v, part, 'gain', None if b['hh'] is None else b['hh'][begin * size:end * size]).chunk(end - begin, -1)

        first = recurrent(products[0], 0, 3 if reset == 'after' else 2)
        r, z = torch.sigmoid(of_x[0] + first[0]), torch.sigmoid(of_x[1] + first[1])
        last = r * first[2] if reset == 'after' else recurrent((r * h) @ w['hh'][2 * size:].T, 2, 3)[0]
        n = torch.tanh(of_x[2] + last)
        return (1 - z) * n + z * h, c
    return step


# PyTorch has neither peepholes, coupled gates, clipping nor norms: there, too, `Recurrent` is the source.

# ---- the table: a new cell is one row --------------------------------------------------------------

@dataclass(frozen=True)
class Cell:
    op: str
    gates: int
    step: Callable
    metadata: dict = field(default_factory=dict)   # what the case file says beyond `op`
    module: Callable | None = None                 # PyTorch's module, if it has this cell
    has_cell_state: bool = False


CELLS = {
    'rnn-tanh': Cell('rnn', 1, step_rnn(torch.tanh), {'nonlinearity': 'tanh'}, nn.RNN),
    'rnn-relu': Cell('rnn', 1, step_rnn(torch.relu), {'nonlinearity': 'relu'},
                     lambda *a, **k: nn.RNN(*a, nonlinearity='relu', **k)),
    'lstm': Cell('lstm', 4, step_lstm(), {}, nn.LSTM, has_cell_state=True),
    'lstm-peep': Cell('lstm', 4, step_lstm(peepholes=True), {'peepholes': True}, has_cell_state=True),
    'lstm-coupled': Cell('lstm', 4, step_lstm(input_forget=True), {'input_forget': True}, has_cell_state=True),
    'lstm-clip': Cell('lstm', 4, step_lstm(True, True, 0.6),
                      {'peepholes': True, 'input_forget': True, 'clip': 0.6}, has_cell_state=True),
    'gru-after': Cell('gru', 3, step_gru('after'), {'gru_reset': 'after'}, nn.GRU),
    'gru-before': Cell('gru', 3, step_gru('before'), {'gru_reset': 'before'}),
    'lstm-norm': Cell('lstm', 4, step_lstm_norm, {'layer_norm': True}, has_cell_state=True),
    'gru-after-norm': Cell('gru', 3, step_gru_norm('after'), {'gru_reset': 'after', 'layer_norm': True}),
    'gru-before-norm': Cell('gru', 3, step_gru_norm('before'), {'gru_reset': 'before', 'layer_norm': True}),
}


@dataclass(frozen=True)
class Shape:
    time: int
    batch: int
    input: int
    hidden: int
    layers: int = 1
    direction: str = 'forward'
    bias: bool = True
    states: str = ''          # which initial states are given: 'h', 'c', 'hc'
    only: tuple = ()          # cells; empty means all
    loss: str = 'yhc'         # which of grad_y, grad_h_n, grad_c_n are given
    projection: int = 0       # size of h; 0 means the hidden size
    lengths: tuple = ()       # steps of each row; () means all

    @property
    def width(self):
        return self.projection or self.hidden

    def given_states(self, cell):
        return self.states if cell.has_cell_state else self.states.replace('c', '')

    def name(self, cell_name):
        states = self.given_states(CELLS[cell_name])
        flags = {'bi': self.direction == 'bidirectional', 'rev': self.direction == 'reverse',
                 'nobias': not self.bias, f'{states}0': bool(states),
                 f'loss{self.loss}': self.loss != 'yhc', f'p{self.projection}': self.projection > 0,
                 'lens': bool(self.lengths)}
        tail = ''.join(f'-{flag}' for flag, on in flags.items() if on)
        return f'{cell_name}-h{self.hidden}-t{self.time}-b{self.batch}-i{self.input}-l{self.layers}{tail}'


PLAIN = ('rnn-tanh', 'rnn-relu', 'lstm', 'gru-after', 'gru-before')
OPTIONS = ('lstm-peep', 'lstm-coupled', 'lstm-clip')
NORMS = ('lstm-norm', 'gru-after-norm', 'gru-before-norm')

SHAPES = [
    Shape(1, 1, 1, 1),
    Shape(1, 3, 2, 5, states='hc'),
    Shape(5, 2, 4, 3, bias=False),
    Shape(64, 2, 6, 13, states='hc'),
    Shape(33, 5, 3, 17),
    Shape(6, 33, 2, 9, states='hc', bias=False),
    Shape(8, 12, 8, 16),
    Shape(9, 4, 5, 19, layers=2),
    Shape(7, 4, 5, 33, only=('lstm', 'gru-before')),
    Shape(12, 3, 5, 7, layers=3, states='hc'),
    Shape(6, 2, 3, 70, states='hc'),
    Shape(10, 2, 3, 64, only=('gru-after',)),
    Shape(5, 3, 4, 130, states='hc', only=('rnn-tanh',)),
    Shape(9, 3, 4, 6, states='h', only=('lstm',)),
    Shape(9, 3, 4, 6, states='c', only=('lstm',)),
    Shape(11, 2, 3, 10, states='hc', loss='h'),
    Shape(6, 3, 4, 8, bias=False, loss='y'),
    Shape(8, 4, 3, 6, direction='reverse', states='hc'),
    Shape(17, 2, 5, 11, layers=2, direction='reverse', bias=False),
    Shape(8, 3, 3, 6, direction='bidirectional', states='hc'),
    Shape(13, 2, 4, 9, layers=2, direction='bidirectional'),
    Shape(7, 3, 4, 9, projection=5, states='hc', only=('lstm',)),
    Shape(6, 2, 3, 8, layers=2, projection=3, direction='bidirectional', only=('lstm',)),
    Shape(5, 3, 2, 7, projection=4, bias=False, only=('lstm-peep', 'lstm-clip')),
    Shape(9, 4, 3, 6, states='hc', lengths=(4, 9, 1, 7)),
    Shape(8, 3, 5, 10, layers=2, direction='bidirectional', lengths=(8, 2, 5)),
    Shape(6, 3, 4, 7, direction='reverse', states='hc', lengths=(0, 6, 3)),
    Shape(11, 2, 3, 9, states='hc', only=OPTIONS),
    Shape(8, 3, 4, 6, layers=2, direction='bidirectional', bias=False, only=OPTIONS),
    Shape(7, 4, 3, 5, projection=3, direction='bidirectional', lengths=(7, 0, 3, 5), only=('lstm', 'lstm-clip')),
    Shape(5, 2, 4, 11, states='hc', only=NORMS),
    Shape(1, 2, 3, 1, only=NORMS),
    Shape(4, 2, 3, 11, layers=2, direction='bidirectional', bias=False, states='hc', only=NORMS[:2]),
    Shape(6, 4, 3, 5, direction='reverse', states='hc', lengths=(0, 6, 3, 1), only=NORMS),
]


@dataclass(frozen=True)
class Trace:
    name: str
    cell: str
    optimizer: dict
    hidden: int = 16
    layers: int = 1
    embedding: int = 0        # width; 0 means one-hot
    vocabulary: int = 11
    time: int = 8
    batch: int = 4
    steps: int = 30
    batches: int = 10
    clip: float | None = None
    stateful: bool = False
    bias: bool = True
    hello: bool = False


def hello(name, optimizer, **options):
    return Trace(name, 'rnn-tanh', optimizer, hidden=8, vocabulary=4, time=4, batch=1, steps=50,
                 batches=1, hello=True, **options)


TRACES = [
    hello('train-hello-sgd', {'name': 'SGD', 'lr': 0.2}),
    hello('train-hello-adam-clip', {'name': 'Adam', 'lr': 0.02}, clip=0.3),
    Trace('train-rnn-tanh-onehot-sgd-momentum', 'rnn-tanh', {'name': 'SGD', 'lr': 0.1, 'momentum': 0.9}),
    Trace('train-rnn-relu-embedding-sgd-clip', 'rnn-relu', {'name': 'SGD', 'lr': 0.3}, embedding=6, clip=0.37),
    Trace('train-gru-after-onehot-nesterov-decay', 'gru-after',
          {'name': 'SGD', 'lr': 0.1, 'momentum': 0.9, 'nesterov': True, 'weight_decay': 0.01}),
    Trace('train-lstm-embedding-adam', 'lstm', {'name': 'Adam', 'lr': 0.01}, embedding=7, hidden=14),
    Trace('train-lstm-l2-embedding-adamw-clip', 'lstm',
          {'name': 'AdamW', 'lr': 0.01, 'betas': [0.9, 0.99], 'weight_decay': 0.05},
          embedding=6, hidden=10, layers=2, clip=0.18),
    Trace('train-lstm-stateful-onehot-adam-decay-clip', 'lstm',
          {'name': 'Adam', 'lr': 0.01, 'eps': 1e-6, 'weight_decay': 0.02}, stateful=True, clip=0.15, hidden=12),
    Trace('train-gru-before-embedding-adamw', 'gru-before', {'name': 'AdamW', 'lr': 0.01}, embedding=6),
    Trace('train-gru-before-stateful-onehot-sgd-clip', 'gru-before', {'name': 'SGD', 'lr': 0.5},
          stateful=True, clip=0.24),
    Trace('train-gru-after-onehot-rmsprop', 'gru-after', {'name': 'RMSprop', 'lr': 0.003, 'eps': 1e-6},
          time=17, batch=3, steps=20, hidden=9),
    Trace('train-lstm-embedding-rmsprop-momentum-centered-clip', 'lstm',
          {'name': 'RMSprop', 'lr': 0.001, 'alpha': 0.95, 'eps': 1e-5, 'momentum': 0.9, 'centered': True},
          embedding=5, clip=0.28),
    Trace('train-rnn-tanh-l3-nobias-onehot-adam', 'rnn-tanh', {'name': 'Adam', 'lr': 0.005},
          hidden=9, layers=3, bias=False, steps=20),
    Trace('train-gru-before-l2-embedding-adam-clip', 'gru-before', {'name': 'Adam', 'lr': 0.01},
          embedding=6, hidden=9, layers=2, clip=0.38, batch=1, time=13),
]


# ---- the restatement, with the interface of PyTorch's modules -------------------------------------

class Recurrent(nn.Module):
    """Stacked, optionally bidirectional recurrence over x [T,B,I]; parameter names as in PyTorch."""

    def __init__(self, cell, input_size, hidden, layers, bias, bidirectional, projection=0):
        super().__init__()
        self.cell, self.hidden, self.layers, self.bias = cell, hidden, layers, bias
        self.parts, self.state = ['ih', 'hh'], projection or hidden
        self.suffixes = ('', '_reverse') if bidirectional else ('',)
        for layer in range(layers):
            width = input_size if layer == 0 else self.state * len(self.suffixes)
            for suffix in self.suffixes:
                key, height = f'l{layer}{suffix}', cell.gates * hidden
                self.register_parameter(f'weight_ih_{key}', nn.Parameter(torch.zeros(height, width)))
                self.register_parameter(f'weight_hh_{key}', nn.Parameter(torch.zeros(height, self.state)))
                if bias:
                    self.register_parameter(f'bias_ih_{key}', nn.Parameter(torch.zeros(height)))
                    self.register_parameter(f'bias_hh_{key}', nn.Parameter(torch.zeros(height)))
                if projection:
                    self.register_parameter(f'weight_hr_{key}', nn.Parameter(torch.zeros(projection, hidden)))
                if cell.metadata.get('peepholes'):
                    self.register_parameter(f'peephole_{key}', nn.Parameter(torch.zeros(3 * hidden)))
                if cell.metadata.get('layer_norm'):
                    sizes = {'norm_ih': height, 'norm_hh': height}
                    sizes |= {'norm_c': hidden, 'norm_c_bias': hidden} if cell.has_cell_state else {}
                    for kind, size in sizes.items():
                        self.register_parameter(f'{kind}_{key}', nn.Parameter(torch.zeros(size)))

    def weights(self, key):
        names = {'ih': 'weight_ih', 'hh': 'weight_hh', 'hr': 'weight_hr'}
        names |= {k: k for k in ('peephole', 'norm_ih', 'norm_hh', 'norm_c', 'norm_c_bias')}
        return {k: getattr(self, f'{name}_{key}') for k, name in names.items() if hasattr(self, f'{name}_{key}')}

    def forward(self, x, states=None, lengths=None, backward=False):
        count = self.layers * len(self.suffixes)
        zeros, wide = (x.new_zeros(count, x.shape[1], size) for size in (self.state, self.hidden))
        h_0, c_0 = (zeros, wide) if states is None else states if self.cell.has_cell_state else (states, wide)
        finals = []
        for layer in range(self.layers):
            halves = []
            for d, suffix in enumerate(self.suffixes):
                h, c = h_0[len(finals)], c_0[len(finals)]
                part = self.weights(f'l{layer}{suffix}')
                bias = {k: getattr(self, f'bias_{k}_l{layer}{suffix}') for k in ('ih', 'hh')} if self.bias else None
                outputs = [None] * len(x)
                for t in (reversed(range(len(x))) if d == 1 or backward else range(len(x))):
                    new = self.cell.step(part, bias, x[t], h, c)
                    inside = torch.ones(x.shape[1], 1, dtype=bool) if lengths is None else (lengths > t)[:, None]
                    h, c = (torch.where(inside, *pair) for pair in zip(new, (h, c)))
                    outputs[t] = torch.where(inside, h, torch.zeros_like(h))
                finals.append((h, c))
                halves.append(torch.stack(outputs))
            x = torch.cat(halves, -1)
        h_n, c_n = (torch.stack(part) for part in zip(*finals))
        return x, (h_n, c_n) if self.cell.has_cell_state else h_n


class Packed(nn.Module):
    """PyTorch's own way to have sequences of several lengths."""

    def __init__(self, inner, lengths):
        super().__init__()
        self.inner, self.lengths = inner, lengths

    def forward(self, x, states=None):
        packed = nn.utils.rnn.pack_padded_sequence(x, self.lengths, enforce_sorted=False)
        y, final = self.inner(packed, states)
        return nn.utils.rnn.pad_packed_sequence(y, total_length=len(x))[0], final


class Reversed(nn.Module):
    """Every layer walks backwards through time; y[t] still belongs to input step t."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, states=None):
        y, final = self.inner(x.flip(0), states)
        return y.flip(0), final


def build(cell, own, input_size, hidden, layers, bias, bidirectional, projection=0):
    if own:
        return Recurrent(cell, input_size, hidden, layers, bias, bidirectional, projection)
    more = {'proj_size': projection} if projection else {}
    return cell.module(input_size, hidden, num_layers=layers, bias=bias, bidirectional=bidirectional, **more)


def load(module, values, dtype):
    module.to(dtype)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(values[name])
    return module


def runs(cell, has_module=True):
    """(own, dtype) of the run that is believed, then of the runs that check it and measure float32."""
    own = [False, True] if cell.module and has_module else [True]
    return [(o, torch.float64) for o in own], [(o, torch.float32) for o in own]


# ---- random numbers: float32 values held in float64 tensors ----------------------------------------

class Draw:
    def __init__(self, name):
        self.generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))

    def normal(self, *shape):
        return torch.randn(*shape, generator=self.generator, dtype=torch.float32).double()

    def uniform(self, bound, *shape):
        return ((torch.rand(*shape, generator=self.generator, dtype=torch.float32) * 2 - 1) * bound).double()

    def integers(self, high, *shape):
        return torch.randint(high, shape, generator=self.generator)


# ---- operator cases --------------------------------------------------------------------------------

def run_operator(cell, shape, inputs, weights, own, dtype):
    module = load(build(cell, own, shape.input, shape.hidden, shape.layers, shape.bias,
                        shape.direction == 'bidirectional', shape.projection), weights, dtype)
    leaves = {k: inputs[k].to(dtype, copy=True).requires_grad_() for k in ('x', 'h_0', 'c_0') if k in inputs}
    run = Reversed(module) if shape.direction == 'reverse' else module
    if shape.lengths:
        lengths = torch.tensor(shape.lengths)
        backward = shape.direction == 'reverse'
        run = (lambda x, states: module(x, states, lengths, backward)) if own else Packed(module, lengths)
    states = None
    if shape.states:
        count = shape.layers * (2 if shape.direction == 'bidirectional' else 1)
        zeros = lambda size: torch.zeros(count, shape.batch, size, dtype=dtype)
        h_0, c_0 = leaves.get('h_0', zeros(shape.width)), leaves.get('c_0', zeros(shape.hidden))
        states = (h_0, c_0) if cell.has_cell_state else h_0
    y, final = run(leaves['x'], states)
    h_n, c_n = final if cell.has_cell_state else (final, None)
    outputs = {'y': y, 'h_n': h_n} | ({'c_n': c_n} if cell.has_cell_state else {})
    sum((value * inputs[f'grad_{k}'].to(dtype)).sum()
        for k, value in outputs.items() if f'grad_{k}' in inputs).backward()
    grads = {k: v.grad for k, v in leaves.items()} | {k: v.grad for k, v in module.named_parameters()}
    return {k: v.detach().double() for k, v in outputs.items()} | {f'grad.{k}': v.double() for k, v in grads.items()}


def operator_case(cell_name, shape):
    cell, name = CELLS[cell_name], shape.name(cell_name)
    draw = Draw(name)
    directions = 2 if shape.direction == 'bidirectional' else 1
    state = {'h': (shape.layers * directions, shape.batch, shape.width)}
    state['c'] = (*state['h'][:2], shape.hidden)
    inputs = {'x': draw.normal(shape.time, shape.batch, shape.input)}
    for letter in shape.given_states(cell):
        inputs[f'{letter}_0'] = draw.uniform(1, *state[letter])
    sizes = {'y': (shape.time, shape.batch, directions * shape.width), 'h_n': state['h'], 'c_n': state['c']}
    for output, size in sizes.items():
        if output[0] in shape.loss and (output != 'c_n' or cell.has_cell_state):
            inputs[f'grad_{output}'] = draw.uniform(1, *size)
    bound = 1 / math.sqrt(shape.hidden)
    layout = Recurrent(cell, shape.input, shape.hidden, shape.layers, shape.bias, directions == 2, shape.projection)
    weights = {k: draw.uniform(bound, *v.shape) for k, v in layout.named_parameters()}
    weights |= {k: 1 + v for k, v in weights.items() if k.startswith('norm_') and 'bias' not in k}
    if cell.metadata.get('layer_norm'):   # narrow rows of small products would have huge gradients
        weights |= {k: 4 * v for k, v in weights.items() if k.startswith('weight_')}
    # PyTorch packs no empty rows, and walks back through packed ones only beside the walk forward.
    has_module = not shape.lengths or (min(shape.lengths) > 0 and shape.direction != 'reverse')
    results = measure(cell, lambda own, dtype: run_operator(cell, shape, inputs, weights, own, dtype), has_module)
    if shape.lengths:
        inputs['sequence_lens'] = torch.tensor(shape.lengths)
        for row, length in enumerate(shape.lengths):
            inputs['x'][length:, row] = 3e38 if row % 2 else -7.5
    outputs = {'y', 'h_n', 'c_n'}
    metadata = describe(cell, shape.layers, shape.direction, shape.input, shape.hidden, shape.batch,
                        shape.time, shape.bias)
    metadata |= {'proj_size': shape.projection, 'sequence_lens': bool(shape.lengths)}
    write(name, metadata, inputs | weights, results, lambda k: 1e-4 if k in outputs else 3e-4)


# ---- training traces -------------------------------------------------------------------------------

def run_training(trace, cell, tokens, targets, init, own, dtype):
    width = trace.embedding or trace.vocabulary
    model = nn.ModuleDict({'embedding': nn.Embedding(trace.vocabulary, width)} if trace.embedding else {})
    model['rnn'] = build(cell, own, width, trace.hidden, trace.layers, trace.bias, False)
    model['linear'] = nn.Linear(trace.hidden, trace.vocabulary)
    load(model, init, dtype)
    options = {k: v for k, v in trace.optimizer.items() if k != 'name'}
    optimizer = getattr(torch.optim, trace.optimizer['name'])(model.parameters(), **options)

    def logits(batch, state):
        x = model['embedding'](batch) if trace.embedding else nn.functional.one_hot(batch, trace.vocabulary).to(dtype)
        y, state = model['rnn'](x, state)
        return model['linear'](y), state

    losses, norms, first, state = [], [], {}, None
    for step in range(trace.steps):
        k = step % trace.batches
        out, final = logits(tokens[k], state)
        if trace.stateful:
            state = tuple(s.detach() for s in final) if cell.has_cell_state else final.detach()
        loss = nn.functional.cross_entropy(out.flatten(0, 1), targets[k].flatten())
        optimizer.zero_grad()
        loss.backward()
        if step == 0:
            first = {f'grad0.{n}': p.grad.clone() for n, p in model.named_parameters()}
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), trace.clip or math.inf).detach())
        losses.append(loss.detach())
        optimizer.step()
    with torch.no_grad():
        last = logits(tokens[-1], None)[0]
    final = {f'final.{n}': p.detach() for n, p in model.named_parameters()}
    out = {'loss': torch.stack(losses), 'grad_norm': torch.stack(norms), 'logits_final': last} | first | final
    return {k: v.double() for k, v in out.items()}


def token_data(trace, draw):
    if trace.hello:
        ids = torch.tensor(['helo'.index(letter) for letter in 'hello']).view(1, 5, 1)
        return ids[:, :-1], ids[:, 1:]
    # A noisy successor rule over one continuous stream per batch row, so that there is something to learn.
    length = trace.batches * trace.time + 1
    noise = draw.integers(3, length, trace.batch)
    stream = [draw.integers(trace.vocabulary, trace.batch)]
    for t in range(1, length):
        stream.append((3 * stream[-1] + 1 + noise[t]) % trace.vocabulary)
    stream = torch.stack(stream)
    cut = lambda start: stream[start:start + length - 1].view(trace.batches, trace.time, trace.batch)
    return cut(0), cut(1)


def training_case(trace):
    cell, draw = CELLS[trace.cell], Draw(trace.name)
    tokens, targets = token_data(trace, draw)
    width = trace.embedding or trace.vocabulary
    bound = 1 / math.sqrt(trace.hidden)
    layout = Recurrent(cell, width, trace.hidden, trace.layers, trace.bias, False)
    init = {'embedding.weight': draw.normal(trace.vocabulary, width)} if trace.embedding else {}
    init |= {f'rnn.{k}': draw.uniform(bound, *v.shape) for k, v in layout.named_parameters()}
    init |= {'linear.weight': draw.uniform(bound, trace.vocabulary, trace.hidden),
             'linear.bias': draw.uniform(bound, trace.vocabulary)}
    results = measure(cell, lambda own, dtype: run_training(trace, cell, tokens, targets, init, own, dtype))
    metadata = describe(cell, trace.layers, 'forward', width, trace.hidden, trace.batch, trace.time, trace.bias)
    metadata |= {'kind': 'train', 'train': {
        'input': 'embedding' if trace.embedding else 'onehot', 'vocab': trace.vocabulary, 'steps': trace.steps,
        'batches': trace.batches, 'stateful': trace.stateful, 'clip_grad_norm': trace.clip,
        'optimizer': trace.optimizer, 'params': list(init)}}
    if trace.clip:
        clipped = int((results['grad_norm'][0] > trace.clip).sum())
        assert 0 < clipped, f'{trace.name}: the clip at {trace.clip} is never reached'
    inputs = {'tokens': tokens, 'targets': targets} | {f'init.{k}': v for k, v in init.items()}
    logits, deviation = results['logits_final']
    top = logits.topk(2, -1).values
    extra = {}
    if (top[..., 0] - top[..., 1]).min() > 1000 * deviation:
        extra['pred'] = logits.argmax(-1)
    history = {'loss', 'grad_norm'}
    write(trace.name, metadata, inputs, results, lambda k: 1e-4 if k in history else 3e-4, extra)


# ---- what both kinds share -------------------------------------------------------------------------

def measure(cell, run, has_module=True):
    """{name: (float64 tensor, largest deviation seen in float32)}; fails if two float64 runs disagree."""
    exact_runs, single_runs = runs(cell, has_module)
    expected, *checks = (run(own, dtype) for own, dtype in exact_runs)
    for check in checks:
        for k, value in expected.items():
            error = (check[k] - value).abs().max().item() / (1 + value.abs().max().item())
            assert error < 1e-9, f'{k}: PyTorch and the restatement differ by {error:.2e}'
    singles = [run(own, dtype) for own, dtype in single_runs]
    return {k: (v, max((s[k] - v).abs().max().item() for s in singles)) for k, v in expected.items()}


def describe(cell, layers, direction, input_size, hidden, batch, time, bias):
    return {'source': f'torch-{torch.__version__.split("+")[0]}', 'op': cell.op, 'layers': layers,
            'direction': direction, 'input_size': input_size, 'hidden_size': hidden, 'batch': batch, 'time': time,
            'nonlinearity': 'tanh', 'gru_reset': 'after', 'proj_size': 0, 'bias': bias, 'peepholes': False,
            'input_forget': False, 'clip': None, 'activations': None, 'sequence_lens': False} | cell.metadata


def round_up(value):
    scale = 10.0 ** math.floor(math.log10(value))
    return float(f'{next(m for m in (1, 2, 5, 10) if m * scale >= value * (1 - 1e-12)) * scale:.0e}')


REPORT = []


def write(name, metadata, inputs, results, rtol_of, extra=None):
    extra = extra or {}
    tolerances = {}
    for k, (value, deviation) in results.items():
        floor = FLOOR_EPSILONS * 2.0 ** -23 * value.abs().max().item()
        tolerances[k] = {'rtol': rtol_of(k), 'atol': round_up(max(SAFETY * deviation, floor, 1e-7))}
    worst = max(t['atol'] for t in tolerances.values())
    metadata = metadata | {'rtol': 3e-4, 'atol': 1e-5, 'checks': [*results, *extra], 'tol': tolerances}
    tensors = inputs | {k: v for k, (v, _) in results.items()} | extra
    arrays = {k: np.ascontiguousarray(v.numpy().astype(np.float32 if v.is_floating_point() else np.int32))
              for k, v in tensors.items()}
    assert all(np.isfinite(a).all() for a in arrays.values()), f'{name}: not finite'
    path = FIXTURES / 'cases' / f'{name}.safetensors'
    save_file(arrays, path, metadata={'case': json.dumps(metadata, separators=(',', ':'))})
    REPORT.append((path.stat().st_size, worst, name))


# ---- learning-rate schedules -----------------------------------------------------------------------

def schedules():
    base = 0.1

    def optimizer():
        return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=base)

    def walk(make, steps):
        opt = optimizer()
        scheduler = make(opt)
        rates = []
        for _ in range(steps):
            rates.append(opt.param_groups[0]['lr'])
            opt.step()
            scheduler.step()
        return rates

    lr = torch.optim.lr_scheduler
    warmup = lambda opt: lr.SequentialLR(opt, [
        lr.LinearLR(opt, start_factor=0.1, total_iters=5), lr.CosineAnnealingLR(opt, T_max=15, eta_min=0.001)], [5])
    tables = [
        ('StepLR', {'step_size': 4, 'gamma': 0.5}, 20, lambda o: lr.StepLR(o, 4, 0.5)),
        ('StepLR', {'step_size': 1, 'gamma': 0.9}, 10, lambda o: lr.StepLR(o, 1, 0.9)),
        ('CosineAnnealingLR', {'T_max': 10, 'eta_min': 0}, 11, lambda o: lr.CosineAnnealingLR(o, 10)),
        ('CosineAnnealingLR', {'T_max': 10, 'eta_min': 0.002}, 25, lambda o: lr.CosineAnnealingLR(o, 10, 0.002)),
        ('LinearLR', {'start_factor': 0.25, 'end_factor': 1, 'total_iters': 4}, 10,
         lambda o: lr.LinearLR(o, 0.25, 1.0, 4)),
        ('SequentialLR', {'milestones': [5], 'schedulers': [
            {'name': 'LinearLR', 'start_factor': 0.1, 'end_factor': 1, 'total_iters': 5},
            {'name': 'CosineAnnealingLR', 'T_max': 15, 'eta_min': 0.001}]}, 21, warmup),
    ]
    metrics = [1.0, 0.8, 0.7, 0.70001, 0.69999, 0.71, 0.7, 0.6, 0.61, 0.62, 0.63, 0.64, 0.65, 0.66, 0.5, 0.5,
               0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
    plateaus = [
        {'mode': 'min', 'factor': 0.1, 'patience': 10, 'threshold': 1e-4, 'threshold_mode': 'rel', 'cooldown': 0,
         'min_lr': 0, 'eps': 1e-8},
        {'mode': 'min', 'factor': 0.5, 'patience': 2, 'threshold': 1e-4, 'threshold_mode': 'rel', 'cooldown': 0,
         'min_lr': 0, 'eps': 1e-8},
        {'mode': 'min', 'factor': 0.3, 'patience': 1, 'threshold': 0.01, 'threshold_mode': 'abs', 'cooldown': 2,
         'min_lr': 0.005, 'eps': 1e-8},
        {'mode': 'max', 'factor': 0.5, 'patience': 0, 'threshold': 1e-4, 'threshold_mode': 'rel', 'cooldown': 1,
         'min_lr': 0.02, 'eps': 1e-8},
    ]
    rows = []
    for options in plateaus:
        opt = optimizer()
        scheduler = lr.ReduceLROnPlateau(opt, **options)
        rates = []
        for metric in metrics:
            scheduler.step(metric)
            rates.append(opt.param_groups[0]['lr'])
        rows.append({'name': 'ReduceLROnPlateau', 'options': options, 'metrics': metrics, 'learningRatesAfter': rates})
    return {
        'source': f'torch-{torch.__version__.split("+")[0]}', 'baseLearningRate': base,
        'schedules': [{'name': n, 'options': o, 'learningRates': walk(make, steps)} for n, o, steps, make in tables],
        'plateaus': rows,
    }


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    shutil.rmtree(FIXTURES / 'cases', ignore_errors=True)
    (FIXTURES / 'cases').mkdir(parents=True)
    for cell in CELLS:
        for shape in SHAPES:
            if cell in (shape.only or PLAIN):
                operator_case(cell, shape)
    for trace in TRACES:
        training_case(trace)
    (FIXTURES / 'schedules.json').write_text(json.dumps(schedules(), indent=2) + '\n')
    for size, worst, name in REPORT:
        print(f'{size:8d} B  largest atol {worst:.0e}  {name}')
    total = sum(size for size, _, _ in REPORT)
    print(f'{len(REPORT)} cases, {total} B')
    return 0 if total <= BUDGET_BYTES else f'the cases take {total} B, the budget is {BUDGET_BYTES} B'


if __name__ == '__main__':
    sys.exit(main())
