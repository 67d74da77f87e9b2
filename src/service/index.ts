export { ServiceError, type ServiceErrorCode } from './error.js';
