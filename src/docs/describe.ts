import type { Type } from '@nestjs/common';

/**
 * Decorates a route from outside. Beside the route, decorators would load all of `@nestjs/swagger` at the start: 150 ms and 12 MB, for a
 * document that most servers are never asked for.
 */
export function describe<C>(
  controller: Type<C>,
  method: keyof C & string,
  ...decorators: readonly MethodDecorator[]
): void {
  const prototype = controller.prototype as object;
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method)!;
  for (const decorate of decorators) decorate(prototype, method, descriptor);
}
