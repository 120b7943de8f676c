// Every cast of the lab. Internal to lab/.
#pragma once

#include "holdfast/lab/cast.h"

namespace holdfast::lab {

std::unique_ptr<Cast> two_generals_cast(Stage& stage);
std::unique_ptr<Cast> ben_or_cast(Stage& stage);
std::unique_ptr<Cast> flooding_cast(Stage& stage);
std::unique_ptr<Cast> synod_cast(Stage& stage);
std::unique_ptr<Cast> oral_generals_cast(Stage& stage);
std::unique_ptr<Cast> signed_generals_cast(Stage& stage);
std::unique_ptr<Cast> raft_cast(Stage& stage);
std::unique_ptr<Cast> pbft_cast(Stage& stage);
std::unique_ptr<Cast> consistent_register_cast(Stage& stage);
std::unique_ptr<Cast> available_register_cast(Stage& stage);
std::unique_ptr<Cast> two_phase_commit_cast(Stage& stage);

}  // namespace holdfast::lab
