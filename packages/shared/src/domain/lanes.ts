/** The two lanes: alerts and small audiences overtake whatever is large. */
export type Lane = 'urgent' | 'bulk';
export const LANES: readonly Lane[] = ['urgent', 'bulk'];
