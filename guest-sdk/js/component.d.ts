// What the module that `sandbus build` writes is made of.

import type { Handler } from './index.js';

export declare function component(
  handler: Handler,
  about: { name: string; version: string; language: 'js' | 'ts' },
): { descriptor: object; typed: object; packed: object };
