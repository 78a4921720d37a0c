// SPDX-License-Identifier: Apache-2.0
//
// RETURN_IF_ERROR and ASSIGN_OR_RETURN: pass an error on, go on otherwise.
// Spelled as abseil's own, so that they can become those when Debian has them.
//
//   RETURN_IF_ERROR(file->Sync());
//   ASSIGN_OR_RETURN(Number number, Number::Parse(text));
#pragma once

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#define RETURN_IF_ERROR(expression)                                           \
  do {                                                                        \
    if (::absl::Status pallet_status_ = (expression); !pallet_status_.ok()) { \
      return pallet_status_;                                                  \
    }                                                                         \
  } while (false)

#define ASSIGN_OR_RETURN(declaration, expression)                            \
  PALLET_ASSIGN_OR_RETURN_(PALLET_CONCATENATE_(pallet_status_or_, __LINE__), \
                           declaration, expression)

#define PALLET_ASSIGN_OR_RETURN_(variable, declaration, expression) \
  auto variable = (expression);                                     \
  if (!variable.ok()) return std::move(variable).status();          \
  declaration = *std::move(variable)

#define PALLET_CONCATENATE_(a, b) PALLET_CONCATENATE_INNER_(a, b)
#define PALLET_CONCATENATE_INNER_(a, b) a##b
