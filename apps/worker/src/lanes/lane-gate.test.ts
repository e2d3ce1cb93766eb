import { expect, test } from '@jest/globals';
import { type GateChange, LaneGate } from './lane-gate.ts';

test('the gate opens when the last cause is withdrawn, and tells of each new one', () => {
  const gate = new LaneGate();
  const told: GateChange[] = [];
  gate.onChange((change) => told.push(change));
  gate.close('paused');
  gate.close('paused');
  gate.close('breaker');
  gate.withdraw('breaker'); // mended, but an operator's pause stays
  expect(gate.isOpen).toBe(false);
  gate.withdraw('paused');
  gate.withdraw('paused');
  expect(told).toEqual([
    { isOpen: false, closedBy: 'paused' },
    { isOpen: false, closedBy: 'breaker' },
    { isOpen: true },
  ]);
});
