import type { CmConfiguration, CmId } from '../../cm/index.js';
import type { Listening } from './listen-table.js';

/** An ID of the CM-only interface that a client owns. */
export interface OwnedId {
  readonly id: CmId;
  /** By which the client is told of it. */
  readonly configuration: CmConfiguration<undefined>;
  readonly listening: Listening;
  /** Resolves when it is gone, which may be after the client has given up its handle. */
  readonly gone: Promise<void>;
}
